import { apiVersionOf, type Kind, KINDS, TOKEN_REQUEST } from "../kinds.ts";
import { badRequest } from "../status.ts";
import { type Message, ProtobufError, readMessage } from "./wire.ts";

/** The content type of Kubernetes objects as Protocol Buffers. */
export const PROTOBUF_TYPE = "application/vnd.kubernetes.protobuf";

const MAGIC = Buffer.from("k8s\0", "latin1");

function message(fields: Message["fields"]): Message {
  return { fields };
}

/** `runtime.Unknown`: what an object is wrapped in. */
const ENVELOPE = message({
  1: ["typeMeta", message({ 1: ["apiVersion", "string"], 2: ["kind", "string"] })],
});
const RAW_FIELD = 2;

const METADATA = message({
  1: ["name", "string"],
  2: ["generateName", "string"],
  3: ["namespace", "string"],
  5: ["uid", "string"],
  11: ["labels", { values: "string" }],
  12: ["annotations", { values: "string" }],
});
const REQUIREMENT = message({
  1: ["key", "string"],
  2: ["operator", "string"],
  3: ["values", { many: "string" }],
});
const SELECTOR = message({ 1: ["rawSelector", "string"], 2: ["requirements", { many: REQUIREMENT }] });
const RESOURCE = message({
  1: ["namespace", "string"],
  2: ["verb", "string"],
  3: ["group", "string"],
  4: ["version", "string"],
  5: ["resource", "string"],
  6: ["subresource", "string"],
  7: ["name", "string"],
  8: ["fieldSelector", SELECTOR],
  9: ["labelSelector", SELECTOR],
});
const ACCESS = {
  1: ["resourceAttributes", RESOURCE],
  2: ["nonResourceAttributes", message({ 1: ["path", "string"], 2: ["verb", "string"] })],
} as const;
const SUBJECT_ACCESS = message({
  ...ACCESS,
  3: ["user", "string"],
  4: ["groups", { many: "string" }],
  5: ["extra", { values: message({ 1: ["items", { many: "string" }] }) }],
  6: ["uid", "string"],
});
const BOUND = message({
  1: ["kind", "string"],
  2: ["apiVersion", "string"],
  3: ["name", "string"],
  4: ["uid", "string"],
});
const TOKEN = message({
  1: ["audiences", { many: "string" }],
  3: ["boundObjectRef", BOUND],
  4: ["expirationSeconds", "integer"],
});

/** A SelfSubjectReview has no spec; the field of that number is its status, which is the server's to say. */
const NOTHING = message({});

/** The `spec` of each kind (generated.proto under k8s.io/api/authorization/v1 and authentication/v1). */
const SPECS = new Map<Kind, Message>([
  [KINDS.SubjectAccessReview, SUBJECT_ACCESS],
  [KINDS.LocalSubjectAccessReview, SUBJECT_ACCESS],
  [KINDS.SelfSubjectAccessReview, message(ACCESS)],
  [KINDS.SelfSubjectRulesReview, message({ 1: ["namespace", "string"] })],
  [KINDS.SelfSubjectReview, NOTHING],
  [KINDS.TokenReview, message({ 1: ["token", "string"], 2: ["audiences", { many: "string" }] })],
  [TOKEN_REQUEST, TOKEN],
]);

/**
 * Reads a question about access that a client sends as Protocol Buffers, as kubectl's `auth` and `create token` do and
 * cannot be told otherwise. The result is a value to decode like any other.
 * @throws ApiError 400 for bytes that are none such
 */
export function readQuestion(kind: Kind, bytes: Buffer): object {
  try {
    return read(kind, bytes);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): ${error.message}`);
  }
}

function read(kind: Kind, bytes: Buffer): object {
  const spec = SPECS.get(kind);
  if (spec === undefined) throw new ProtobufError("this kind is not read as protobuf");
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new ProtobufError("provided data does not appear to be a protobuf message, expected prefix");
  }
  const object = message({ 1: ["metadata", METADATA], 2: ["spec", spec] });
  const envelope = { fields: { ...ENVELOPE.fields, [RAW_FIELD]: ["object", object] as const } };
  const unwrapped = readMessage(envelope, bytes.subarray(MAGIC.length)) as {
    typeMeta?: { apiVersion?: string; kind?: string };
    object?: { spec?: { extra?: Record<string, { items?: string[] }> } };
  };
  const { typeMeta = {}, object: value = {} } = unwrapped;
  const extra = value.spec?.extra;
  if (value.spec !== undefined && extra !== undefined) {
    const lists = Object.entries(extra).map(([key, list]) => [key, list?.items ?? []] as const);
    Object.assign(value.spec, { extra: Object.fromEntries(lists) });
  }
  if (spec === NOTHING) delete value.spec;
  return {
    ...value,
    apiVersion: typeMeta.apiVersion || apiVersionOf(kind),
    kind: typeMeta.kind || kind.kind,
  };
}
