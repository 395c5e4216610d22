/** The webhook that gives pods their sidecars: AdmissionReview in, AdmissionReview out (admission.k8s.io/v1). */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Pod } from "../../objects/types.ts";
import { BadAnnotation } from "./injection-capture.ts";
import { decideInjection, speaksXds } from "./injection-decision.ts";
import { grpcPatch } from "./injection-grpc.ts";
import { type InjectionSettings, injectionPatch } from "./injection.ts";

/** What the webhook needs to know. */
export interface InjectionWebhookOptions {
  readonly settings: InjectionSettings;
  /** Labels of a namespace; undefined when it is not known (yet). */
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>> | undefined;
  /** Called before the answer for each pod that gets a sidecar: makes its certificate. It must not take long. */
  readonly onInject?: (workload: { namespace: string; serviceAccount: string }) => void;
  readonly log?: (text: string) => void;
}

/** An AdmissionReview's question, as far as it is read here. */
interface AdmissionRequest {
  readonly uid: string;
  readonly namespace?: string;
  readonly operation?: string;
  readonly resource?: { readonly group?: string; readonly resource?: string };
  readonly subResource?: string;
  readonly object?: Pod | null;
}

/** An AdmissionReview's answer. */
export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patchType?: "JSONPatch";
  /** Base64. */
  readonly patch?: string;
  readonly status?: { readonly message: string; readonly code: number };
}

/** The path that the webhook is served under. */
export const INJECTION_PATH = "/inject";
/** As the API server's own for what it sends. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Answers a review. @throws Error when it is none */
export function reviewInjection(
  review: unknown,
  options: InjectionWebhookOptions,
): { apiVersion: string; kind: string; response: AdmissionResponse } {
  const request = (review as { request?: AdmissionRequest } | null)?.request;
  if (typeof request?.uid !== "string") throw new Error("the body is no AdmissionReview with a request");
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: answer(request, options) };
}

function answer(request: AdmissionRequest, options: InjectionWebhookOptions): AdmissionResponse {
  const { uid, object: pod, namespace = "" } = request;
  const isNewPod =
    request.operation === "CREATE" && request.resource?.resource === "pods" && !request.subResource;
  if (!isNewPod || !Array.isArray(pod?.spec?.containers)) return { uid, allowed: true };
  if (!decideInjection(pod, namespace, options.namespaceLabels(namespace)).inject)
    return { uid, allowed: true };
  try {
    const { settings } = options;
    const { identitySecret, grpcServers: servers = [] } = settings;
    const patch = speaksXds(pod)
      ? grpcPatch(pod, namespace, { servers, identitySecret })
      : injectionPatch(pod, namespace, settings);
    options.onInject?.({ namespace, serviceAccount: pod.spec.serviceAccountName || "default" });
    const text = Buffer.from(JSON.stringify(patch)).toString("base64");
    return { uid, allowed: true, patchType: "JSONPatch", patch: text };
  } catch (error) {
    if (!(error instanceof BadAnnotation)) throw error;
    return { uid, allowed: false, status: { message: error.message, code: 422 } };
  }
}

/** The handler of an HTTPS server. Anything but a POST of a review to {@link INJECTION_PATH} is refused. */
export function injectionHandler(
  options: InjectionWebhookOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    serve(request, response, options).catch((error: Error) => {
      options.log?.(`a review failed: ${error.message}`);
      if (!response.headersSent) response.writeHead(400, { "content-type": "text/plain" });
      response.end(`${error.message}\n`);
    });
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: InjectionWebhookOptions,
): Promise<void> {
  const path = (request.url ?? "").split("?", 1)[0];
  if (path !== INJECTION_PATH || request.method !== "POST") {
    request.resume();
    response.writeHead(path === INJECTION_PATH ? 405 : 404).end();
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error("the body is too long");
    chunks.push(chunk);
  }
  const review = reviewInjection(JSON.parse(Buffer.concat(chunks).toString("utf8")), options);
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(review));
}
