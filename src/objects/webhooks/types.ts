/** admissionregistration.k8s.io/v1: what calls webhooks, as far as it is computed with. */
import type { KubeObject, LabelSelector } from "../types.ts";

/** The group of the kinds that register webhooks; webhooks are never asked about its objects. */
export const WEBHOOKS_GROUP = "admissionregistration.k8s.io";

/** What requests a webhook is for: one of each list must match. */
export interface WebhookRule {
  operations?: string[];
  apiGroups?: string[];
  apiVersions?: string[];
  resources?: string[];
  scope?: string;
}

/** Where a webhook is reached: by address, or as a Service of the cluster. */
export interface WebhookClientConfig {
  url?: string;
  service?: { namespace?: string; name?: string; path?: string; port?: number };
  /** Certificates in PEM, as base64. */
  caBundle?: string;
}

/** One webhook of a configuration (admissionregistration.k8s.io/v1). */
export interface Webhook {
  name: string;
  clientConfig: WebhookClientConfig;
  rules?: WebhookRule[];
  failurePolicy?: string;
  matchPolicy?: string;
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  matchConditions?: { name: string; expression: string }[];
  sideEffects?: string;
  timeoutSeconds?: number;
  admissionReviewVersions?: string[];
  /** Mutating ones only. */
  reinvocationPolicy?: string;
}

/** A MutatingWebhookConfiguration or a ValidatingWebhookConfiguration. */
export interface WebhookConfiguration extends KubeObject {
  webhooks?: Webhook[];
}
