/** The webhook that gives pods their sidecars: AdmissionReview in, AdmissionReview out (admission.k8s.io/v1). */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Pod } from "../../objects/types.ts";
import { decideInjection } from "./injection-decision.ts";
import { GRPC_MODE, grpcPatch } from "./injection-grpc.ts";
import { unheeded } from "./injection-unheeded.ts";
import { type InjectionSettings, injectionPatch } from "./injection.ts";
import { PodRefused } from "./pod-refused.ts";

/** What the webhook needs to know. */
export interface InjectionWebhookOptions {
  readonly settings: InjectionSettings;
  /** Called before the answer for each pod that gets a sidecar: makes its certificate. It must not take long. */
  readonly onInject?: (workload: { namespace: string; serviceAccount: string }) => void;
  readonly log?: (text: string) => void;
}

/** An AdmissionReview's question, as far as it is read here. */
interface AdmissionRequest {
  readonly uid: string;
  readonly namespace?: string;
  readonly operation?: string;
  /** Nothing of it is kept. */
  readonly dryRun?: boolean;
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
  /** Shown to whoever makes the pod. */
  readonly warnings?: readonly string[];
}

/** The path that the webhook is served under, for pods that are to have a sidecar by their own or their namespace's word. */
export const INJECTION_PATH = "/inject";
/** The same for pods of namespaces whose label of ours says neither yes nor no. */
export const UNREADABLE_PATH = "/inject/unreadable-namespace";
/** As the API server's own for what it sends. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Answers a review. @throws Error when it is none */
export function reviewInjection(
  review: unknown,
  options: InjectionWebhookOptions,
  path: string = INJECTION_PATH,
): { apiVersion: string; kind: string; response: AdmissionResponse } {
  const request = (review as { request?: AdmissionRequest } | null)?.request;
  if (typeof request?.uid !== "string") throw new Error("the body is no AdmissionReview with a request");
  const response = answer(request, options, path);
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}

function answer(
  request: AdmissionRequest,
  options: InjectionWebhookOptions,
  path: string,
): AdmissionResponse {
  const { uid, object: pod, namespace = "" } = request;
  const isNewPod =
    request.operation === "CREATE" && request.resource?.resource === "pods" && !request.subResource;
  if (!isNewPod || !Array.isArray(pod?.spec?.containers)) return { uid, allowed: true };
  try {
    const { settings } = options;
    return {
      uid,
      allowed: true,
      ...injected(pod, namespace, request.dryRun === true ? { settings } : options, path),
    };
  } catch (error) {
    if (!(error instanceof PodRefused)) throw error;
    const name = pod.metadata?.name || `${pod.metadata?.generateName ?? ""}…`;
    return {
      uid,
      allowed: false,
      status: { message: `pod ${namespace}/${name}: ${error.message}`, code: 422 },
    };
  }
}

function injected(
  pod: Pod,
  namespace: string,
  { settings, onInject }: InjectionWebhookOptions,
  path: string,
): Omit<AdmissionResponse, "uid" | "allowed"> {
  const decision = decideInjection(pod, namespace, path === UNREADABLE_PATH ? "unreadable" : "asked");
  if (!decision.inject) return decision.inVain ? { warnings: [`no sidecar, as ${decision.why}`] } : {};
  const { identitySecret, grpcServers: servers = [] } = settings;
  const patch =
    decision.mode === GRPC_MODE
      ? grpcPatch(pod, namespace, { servers, identitySecret })
      : injectionPatch(pod, namespace, settings);
  onInject?.({ namespace, serviceAccount: pod.spec.serviceAccountName || "default" });
  const warnings = unheeded(pod);
  return {
    patchType: "JSONPatch",
    patch: Buffer.from(JSON.stringify(patch)).toString("base64"),
    ...(warnings.length > 0 && { warnings }),
  };
}

/** The handler of an HTTPS server. Anything but a POST of a review to one of the paths is refused. */
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
  const isKnown = path === INJECTION_PATH || path === UNREADABLE_PATH;
  if (!isKnown || request.method !== "POST") {
    request.resume();
    response.writeHead(isKnown ? 405 : 404).end();
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error("the body is too long");
    chunks.push(chunk);
  }
  const review = reviewInjection(JSON.parse(Buffer.concat(chunks).toString("utf8")), options, path);
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(review));
}
