import { type FieldError, invalid } from "../../../objects/field-errors.ts";
import { admitNames, formatTime } from "../../../objects/index.ts";
import { type Kind, KINDS, TOKEN_REQUEST } from "../../../objects/kinds.ts";
import { badRequest, conflict, invalidObject, notFound } from "../../../objects/status.ts";
import type { AnyObject, KubeObject, Pod } from "../../../objects/types.ts";
import type { ApiContext } from "../../context.ts";
import type { Answer, Call } from "../../http/call.ts";
import { keyOf } from "../../registry/keys.ts";
import { readObject } from "../../rest/body.ts";
import { objectReply } from "../../rest/negotiate.ts";
import { writeQuery } from "../../rest/options.ts";
import type { Target } from "../../rest/target.ts";
import { type BoundRef, ISSUER, type TokenTerms } from "./claims.ts";

interface RequestSpec {
  audiences?: string[] | null;
  boundObjectRef?: { apiVersion?: string; kind?: string; name?: string; uid?: string };
  expirationSeconds?: number;
}

const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
/** A kubelet asks for this long, so that old clients that read their token only once can be told apart. */
const WARN_ONLY_SECONDS = 3607;
const EXTENDED_SECONDS = 365 * 24 * 3600;

/** POST serviceaccounts/<name>/token: issues a token (pkg/registry/core/serviceaccount/storage/token.go). @throws ApiError */
export async function requestToken(call: Call, target: Target): Promise<Answer> {
  const { context, namespace, name } = target;
  const { object, warnings } = await readObject(
    call,
    TOKEN_REQUEST,
    writeQuery(call, "create").fieldValidation,
  );
  const account = read(context, KINDS.ServiceAccount, namespace, name!);
  object.metadata.name ||= name!;
  admitNames(TOKEN_REQUEST, object, { namespace: namespace!, name: name! });
  const now = context.now();
  object.metadata.creationTimestamp = formatTime(now);
  const spec = completed(object["spec"] as RequestSpec);
  rejectIf(object, spec.seconds);
  const bound = boundTo(context, account, spec.boundObjectRef);
  const token = context.access.accountTokens.issue({
    account: account.metadata,
    bound,
    ...termsOf(spec, bound),
  });
  const { seconds, audiences, boundObjectRef } = spec;
  const answer = {
    kind: TOKEN_REQUEST.kind,
    apiVersion: object.apiVersion,
    metadata: object.metadata,
    spec: {
      audiences,
      ...(boundObjectRef === undefined ? {} : { boundObjectRef }),
      expirationSeconds: seconds,
    },
    status: { expirationTimestamp: formatTime(new Date(now.getTime() + seconds * 1000)), token },
  };
  return objectReply(call, TOKEN_REQUEST, JSON.stringify(answer), { status: 201, warnings });
}

interface Completed {
  readonly audiences: readonly string[];
  readonly boundObjectRef: RequestSpec["boundObjectRef"];
  readonly seconds: number;
}

function completed({ audiences, boundObjectRef, expirationSeconds }: RequestSpec): Completed {
  return {
    audiences: audiences?.length ? audiences : [ISSUER],
    boundObjectRef,
    seconds: expirationSeconds ?? DEFAULT_SECONDS,
  };
}

function termsOf(
  { audiences, seconds }: Completed,
  { pod }: TokenTerms["bound"],
): Pick<TokenTerms, "audiences" | "seconds" | "warnAfter"> {
  const isOurs = audiences.every((audience) => audience === ISSUER);
  if (pod === undefined || seconds !== WARN_ONLY_SECONDS || !isOurs) return { audiences, seconds };
  return { audiences, seconds: EXTENDED_SECONDS, warnAfter: seconds };
}

function rejectIf({ kind }: AnyObject, seconds: number): void {
  const errors: FieldError[] = [];
  const field = "spec.expirationSeconds";
  if (seconds < MIN_SECONDS) {
    errors.push(invalid(field, seconds, "may not specify a duration less than 10 minutes"));
  }
  if (seconds > MAX_SECONDS) {
    errors.push(invalid(field, seconds, "may not specify a duration larger than 2^32 seconds"));
  }
  if (errors.length > 0) throw invalidObject({ group: TOKEN_REQUEST.group, kind }, "", errors);
}

const BINDABLE: Readonly<Record<string, Kind>> = {
  Pod: KINDS.Pod,
  Secret: KINDS.Secret,
  Node: KINDS.Node,
};

/** The object that the token is to be bound to, and for a pod its node. @throws ApiError 400, 404, 409 */
function boundTo(
  context: ApiContext,
  account: KubeObject,
  ref: RequestSpec["boundObjectRef"],
): TokenTerms["bound"] {
  if (ref === undefined) return {};
  const kind = ref.apiVersion === "v1" ? BINDABLE[ref.kind ?? ""] : undefined;
  if (kind === undefined) {
    const [group, version] = groupVersionOf(ref.apiVersion ?? "");
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${ref.kind ?? ""}`);
  }
  const { namespace, name } = account.metadata;
  const object = read(context, kind, kind.namespaced ? namespace : undefined, ref.name ?? "");
  const isPod = kind === KINDS.Pod;
  // a pod that names no account runs as its namespace's default one
  if (isPod && ((object as Pod).spec.serviceAccountName || "default") !== name) {
    const running = "to pod running with different serviceaccount name.";
    throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(name)} ${running}`);
  }
  const { uid } = object.metadata;
  if ((ref.uid ?? "") !== "" && ref.uid !== uid) {
    const why =
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. ` +
      "The object might have been deleted and then recreated";
    throw conflict({ group: "", kind: kind.kind }, ref.name ?? "", why);
  }
  const bound = { name: object.metadata.name, ...(uid === undefined ? {} : { uid }) };
  return isPod ? { pod: bound, ...nodeOf(context, object as Pod) } : { [kind.singular]: bound };
}

function groupVersionOf(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf("/");
  return [apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1)];
}

function nodeOf({ store }: ApiContext, { spec }: Pod): { node?: BoundRef } {
  const { nodeName = "" } = spec;
  if (nodeName === "") return {};
  const entry = store.get(keyOf(KINDS.Node, undefined, nodeName));
  const uid = entry && (JSON.parse(entry.value) as KubeObject).metadata.uid;
  return { node: { name: nodeName, ...(uid === undefined ? {} : { uid }) } };
}

function read({ store }: ApiContext, kind: Kind, namespace: string | undefined, name: string): KubeObject {
  const entry = store.get(keyOf(kind, namespace, name));
  if (entry === undefined) throw notFound({ group: kind.group, kind: kind.plural }, name);
  return JSON.parse(entry.value) as KubeObject;
}
