/** The object that makes the API server ask the injection webhook. Pure. */
import type { AnyObject } from "../../objects/types.ts";
import {
  INJECT_LABEL,
  ISTIO_NAMESPACE_LABEL,
  ISTIO_POD_LABEL,
  NEVER_INJECTED,
  NO,
  YES,
} from "./injection-decision.ts";
import { INJECTION_PATH, UNREADABLE_PATH } from "./injection-webhook.ts";

/** Where the API server reaches the webhook: an address (no path), or a Service. */
export type WebhookAddress =
  | { readonly url: string }
  | { readonly service: { readonly namespace: string; readonly name: string; readonly port: number } };

type Expression = { key: string; operator: string; values?: string[] };

const METADATA_NAME = "kubernetes.io/metadata.name";

/**
 * A MutatingWebhookConfiguration whose selectors match exactly those pods that may get a sidecar, each by one webhook, so
 * that no other pod waits for the mesh. A pod that should get one and cannot is not created: nothing runs beside the mesh
 * unseen. That holds for labels of ours that say neither yes nor no, too.
 */
export function injectionRegistration(name: string, caBundle: string, address: WebhookAddress): AnyObject {
  const clientConfig = (path: string): object => ({
    caBundle: Buffer.from(caBundle).toString("base64"),
    ...("url" in address
      ? { url: `${address.url.replace(/\/$/, "")}${path}` }
      : { service: { ...address.service, path } }),
  });
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name },
    webhooks: CHOSEN.map(({ part, namespace, object, path = INJECTION_PATH }) => ({
      name: `${part}.inject.tandem.dev`,
      clientConfig: clientConfig(path),
      rules: [
        {
          operations: ["CREATE"],
          apiGroups: [""],
          apiVersions: ["v1"],
          resources: ["pods"],
          scope: "Namespaced",
        },
      ],
      failurePolicy: "Fail",
      matchPolicy: "Equivalent",
      sideEffects: "None",
      reinvocationPolicy: "Never",
      timeoutSeconds: 10,
      admissionReviewVersions: ["v1"],
      namespaceSelector: { matchExpressions: [notIn(METADATA_NAME, NEVER_INJECTED), ...namespace] },
      objectSelector: { matchExpressions: object },
    })),
  };
}

interface Chosen {
  readonly part: string;
  readonly namespace: readonly Expression[];
  readonly object: readonly Expression[];
  readonly path?: string;
}

function isIn(key: string, values: readonly string[]): Expression {
  return { key, operator: "In", values: [...values] };
}

function notIn(key: string, values: readonly string[]): Expression {
  return { key, operator: "NotIn", values: [...values] };
}

function absent(key: string): Expression {
  return { key, operator: "DoesNotExist" };
}

function present(key: string): Expression {
  return { key, operator: "Exists" };
}

/** As people write them in YAML. Selectors compare letter by letter. */
function cased(words: readonly string[]): string[] {
  return words.flatMap((word) => [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()]);
}

const YES_CASED = cased(YES);
const NO_CASED = cased(NO);
const NOT_DECLINED = [notIn(INJECT_LABEL, NO_CASED)];
const OURS = [present(INJECT_LABEL), ...NOT_DECLINED];
const ISTIOS = [absent(INJECT_LABEL), isIn(ISTIO_POD_LABEL, YES_CASED)];
/** Namespaces that do not ask: ours says no, or nothing and Istio's nothing either. */
const DECLINED = [isIn(INJECT_LABEL, NO_CASED)];
const SILENT = [absent(INJECT_LABEL), notIn(ISTIO_NAMESPACE_LABEL, YES_CASED)];

const CHOSEN: readonly Chosen[] = [
  { part: "namespace", namespace: [isIn(INJECT_LABEL, YES_CASED)], object: NOT_DECLINED },
  {
    part: "istio-namespace",
    namespace: [absent(INJECT_LABEL), isIn(ISTIO_NAMESPACE_LABEL, YES_CASED)],
    object: NOT_DECLINED,
  },
  {
    part: "unreadable-namespace",
    namespace: [present(INJECT_LABEL), notIn(INJECT_LABEL, [...YES_CASED, ...NO_CASED])],
    object: NOT_DECLINED,
    path: UNREADABLE_PATH,
  },
  { part: "pod", namespace: SILENT, object: OURS },
  { part: "istio-pod", namespace: SILENT, object: ISTIOS },
  { part: "pod-of-declined", namespace: DECLINED, object: OURS },
  { part: "istio-pod-of-declined", namespace: DECLINED, object: ISTIOS },
];
