/** The object that makes the API server ask the injection webhook. Pure. */
import type { AnyObject } from "../../objects/types.ts";
import {
  INJECT_LABEL,
  ISTIO_NAMESPACE_LABEL,
  ISTIO_POD_LABEL,
  NEVER_INJECTED,
} from "./injection-decision.ts";
import { GRPC_MODE } from "./injection-grpc.ts";
import { INJECTION_PATH } from "./injection-webhook.ts";

/** Where the API server reaches the webhook: an address (no path), or a Service. */
export type WebhookAddress =
  | { readonly url: string }
  | { readonly service: { readonly namespace: string; readonly name: string; readonly port: number } };

type Expression = { key: string; operator: string; values?: string[] };

const YES = ["enabled", "true"];
const NO = ["disabled", "false"];
const METADATA_NAME = "kubernetes.io/metadata.name";

/**
 * A MutatingWebhookConfiguration whose selectors match exactly those pods that may get a sidecar, so that no other pod
 * waits for the mesh. A pod that should get one and cannot is not created: nothing runs beside the mesh unseen.
 */
export function injectionRegistration(name: string, caBundle: string, address: WebhookAddress): AnyObject {
  const clientConfig = {
    caBundle: Buffer.from(caBundle).toString("base64"),
    ...("url" in address
      ? { url: `${address.url.replace(/\/$/, "")}${INJECTION_PATH}` }
      : { service: { ...address.service, path: INJECTION_PATH } }),
  };
  const webhook = (part: string, namespace: Expression[], object: Expression[]): object => ({
    name: `${part}.inject.tandem.dev`,
    clientConfig,
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
  });
  const silent = [notIn(INJECT_LABEL, YES), notIn(ISTIO_NAMESPACE_LABEL, YES)];
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name },
    webhooks: [
      webhook("namespace", [isIn(INJECT_LABEL, YES)], [notIn(INJECT_LABEL, NO)]),
      webhook(
        "istio-namespace",
        [absent(INJECT_LABEL), isIn(ISTIO_NAMESPACE_LABEL, YES)],
        [notIn(INJECT_LABEL, NO)],
      ),
      webhook("pod", silent, [isIn(INJECT_LABEL, [...YES, GRPC_MODE])]),
      webhook("istio-pod", silent, [absent(INJECT_LABEL), isIn(ISTIO_POD_LABEL, YES)]),
    ],
  };
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
