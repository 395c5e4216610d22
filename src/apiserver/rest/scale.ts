import { invalid } from "../../objects/field-errors.ts";
import { KINDS, type Kind } from "../../objects/kinds.ts";
import { badRequest, invalidObject, notFound } from "../../objects/status.ts";
import type { AnyObject, LabelSelector } from "../../objects/types.ts";
import { type Answer, type Call, readBody } from "../http/call.ts";
import { methodNotAllowed } from "../http/replies.ts";
import { decodeObject } from "../registry/encoding.ts";
import { keyOf } from "../registry/keys.ts";
import { updateObject } from "../registry/write.ts";
import { applyPatch } from "../scheme.ts";
import { mediaType, readObjectBody } from "./body.ts";
import { objectReply } from "./negotiate.ts";
import { type WriteQuery, writeQuery } from "./options.ts";
import { patchTypeOf, unknownPatch } from "./patch-types.ts";
import type { Target } from "./target.ts";

/** What a Scale is decoded and sent as. */
const SCALE: Kind = {
  ...KINDS.Deployment,
  group: "autoscaling",
  version: "v1",
  kind: "Scale",
  plural: "scales",
};

/** The `scale` subresource of workloads (autoscaling/v1). */
export async function serveScale(call: Call, target: Target, verb: string): Promise<Answer> {
  if (verb === "get") return objectReply(call, SCALE, JSON.stringify(scaleOf(read(target))));
  if (verb === "update") {
    const query = writeQuery(call, "UpdateOptions");
    const body = await readObjectBody(call);
    const wanted = parse(body.text);
    return write(call, target, query, () => wanted);
  }
  if (verb !== "patch") throw methodNotAllowed();
  const type = patchTypeOf(mediaType(call));
  if (type === undefined) throw unknownPatch();
  const query = writeQuery(call, "PatchOptions");
  const text = await readBody(call);
  return write(call, target, query, (present) => {
    // a Scale has no lists, so that a strategic merge patch is a merge patch
    const plain = type === "strategic" ? "merge" : type;
    return applyPatch(SCALE, present, { type: plain, text, mode: query.fieldValidation }).object;
  });
}

function read({ kind, namespace, name, context }: Target): AnyObject {
  const entry = context.store.get(keyOf(kind, namespace, name!));
  if (entry === undefined) throw notFound({ group: kind.group, kind: kind.plural }, name!);
  return decodeObject(entry.value);
}

function parse(text: string): AnyObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
  }
  if (value === null || typeof value !== "object") throw badRequest("the body is not a Scale");
  return value as AnyObject;
}

async function write(
  call: Call,
  { kind, namespace, name, context }: Target,
  { dryRun }: WriteQuery,
  change: (present: AnyObject) => AnyObject,
): Promise<Answer> {
  const written = await updateObject(context, { kind, namespace, name: name!, dryRun }, (stored) => {
    const wanted = change(scaleOf(stored!));
    const object = stored!;
    object["spec"].replicas = replicasOf(wanted, name!);
    object.metadata.resourceVersion = wanted.metadata?.resourceVersion ?? "";
    return { object, warnings: [] };
  });
  return objectReply(call, SCALE, JSON.stringify(scaleOf(decodeObject(written.text))), {
    warnings: written.warnings,
  });
}

function replicasOf(scale: AnyObject, name: string): number {
  const replicas: unknown = scale["spec"]?.replicas ?? 0;
  if (typeof replicas !== "number" || !Number.isSafeInteger(replicas)) {
    throw badRequest(`Scale in version "v1" cannot be handled as a Scale: spec.replicas is not an integer`);
  }
  if (replicas >= 0) return replicas;
  const error = invalid("spec.replicas", replicas, "must be greater than or equal to 0");
  throw invalidObject({ group: SCALE.group, kind: SCALE.kind }, name, [error]);
}

function scaleOf({ metadata, spec, status }: AnyObject): AnyObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const selector = selectorText(spec?.selector ?? {});
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp } as AnyObject["metadata"],
    spec: spec?.replicas ? { replicas: spec.replicas } : {},
    status: { replicas: status?.replicas ?? 0, ...(selector === "" ? {} : { selector }) },
  };
}

/** A selector as labels.Selector prints it: requirements in order of their keys. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const parts: [string, string][] = Object.entries(matchLabels).map(([key, value]) => [
    key,
    `${key}=${value}`,
  ]);
  for (const { key, operator, values = [] } of matchExpressions) {
    const list = `(${values.toSorted().join(",")})`;
    const texts: Record<string, string> = {
      In: `${key} in ${list}`,
      NotIn: `${key} notin ${list}`,
      Exists: key,
      DoesNotExist: `!${key}`,
    };
    parts.push([key, texts[operator] ?? key]);
  }
  parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return parts.map(([, text]) => text).join(",");
}
