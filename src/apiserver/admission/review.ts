/** AdmissionReviews: what a webhook is asked, and what it may answer (apiserver pkg/admission/plugin/webhook/request). */
import type { JsonPatchOperation } from "../../objects/index.ts";
import type { Status } from "../../objects/types.ts";
import type { Webhook } from "../../objects/webhooks/types.ts";
import { type Attributes, gvkOf } from "./attributes.ts";

/** What a webhook said, read and checked. */
export interface Verdict {
  readonly allowed: boolean;
  readonly status?: Partial<Status>;
  readonly patch?: readonly JsonPatchOperation[];
  readonly warnings: readonly string[];
}

/** The version of AdmissionReview that a webhook is sent: its first one that is known here. */
export function reviewVersion({ admissionReviewVersions = [] }: Webhook): string | undefined {
  return admissionReviewVersions.find((version) => version === "v1" || version === "v1beta1");
}

/** The request part of a review; `asked` are the attributes as the client sent them, where versions differ. */
export function requestOf(attributes: Attributes, uid: string, asked = attributes): object {
  const { kind, subresource, user } = attributes;
  const resource = ({ kind: { group, version, plural } }: Attributes) => ({
    group,
    version,
    resource: plural,
  });
  const sub = subresource === undefined ? {} : { subResource: subresource, requestSubResource: subresource };
  return {
    uid,
    kind: gvkOf(attributes),
    resource: resource(attributes),
    ...sub,
    requestKind: gvkOf(asked),
    requestResource: resource(asked),
    ...(attributes.name === "" ? {} : { name: attributes.name }),
    ...(kind.namespaced && attributes.namespace !== undefined ? { namespace: attributes.namespace } : {}),
    operation: attributes.operation,
    userInfo: {
      username: user.name,
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      groups: [...user.groups],
      ...(user.extra === undefined ? {} : { extra: user.extra }),
    },
    object: attributes.object ?? null,
    oldObject: attributes.oldObject ?? null,
    dryRun: attributes.dryRun,
    options: attributes.options ?? null,
  };
}

interface Response {
  uid?: unknown;
  allowed?: unknown;
  status?: Partial<Status>;
  patch?: unknown;
  patchType?: unknown;
  warnings?: unknown;
}

/** Reads an answer. @throws Error with what is wrong about it, in the real server's words where it has some */
export function readVerdict(
  text: string,
  expected: { version: string; uid: string; mutating: boolean },
): Verdict {
  let review: { apiVersion?: unknown; kind?: unknown; response?: Response | null } | null;
  try {
    review = JSON.parse(text);
  } catch (error) {
    throw new Error(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
  }
  const apiVersion = `admission.k8s.io/${expected.version}`;
  if (review?.apiVersion !== apiVersion || review.kind !== "AdmissionReview") {
    const got = `${String(review?.apiVersion ?? "")}, Kind=${String(review?.kind ?? "")}`;
    throw new Error(`expected webhook response of ${apiVersion}, Kind=AdmissionReview, got ${got}`);
  }
  const { response } = review;
  if (response === null || response === undefined) throw new Error("webhook response was absent");
  if (expected.version === "v1" && response.uid !== expected.uid) {
    throw new Error(
      `expected response.uid=${JSON.stringify(expected.uid)}, got ${JSON.stringify(response.uid ?? "")}`,
    );
  }
  const warnings = Array.isArray(response.warnings) ? response.warnings.map(String) : [];
  const patch = readPatch(response, expected.mutating);
  const { status } = response;
  return { allowed: response.allowed === true, warnings, ...(patch && { patch }), ...(status && { status }) };
}

function readPatch({ patch, patchType }: Response, mutating: boolean): JsonPatchOperation[] | undefined {
  if (patch === undefined || patch === null || patch === "") {
    if (patchType) throw new Error("webhook returned response.patchType but not response.patch");
    return undefined;
  }
  if (!mutating)
    throw new Error("webhook returned response.patch, which may not be set by a validating webhook");
  if (patchType === undefined) throw new Error("webhook returned response.patch but not response.patchType");
  if (patchType !== "JSONPatch")
    throw new Error(`webhook returned invalid response.patchType of ${JSON.stringify(patchType)}`);
  const operations: unknown = JSON.parse(Buffer.from(String(patch), "base64").toString("utf8"));
  if (!Array.isArray(operations)) throw new Error("the patch is no list of operations");
  return operations as JsonPatchOperation[];
}
