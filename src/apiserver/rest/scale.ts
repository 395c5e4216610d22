import { invalid } from "../../objects/field-errors.ts";
import {
  admitNames,
  applyJsonPatch,
  applyMergePatch,
  formatLabelSelector,
  formatTime,
  type JsonPatchOperation,
  managedScale,
  parentManagedFields,
  readConfiguration,
  scaleManagedFields,
  serverSideApply,
} from "../../objects/index.ts";
import { type Kind, SCALE } from "../../objects/kinds.ts";
import { ApiError, badRequest, invalidObject, notFound } from "../../objects/status.ts";
import type { AnyObject, LabelSelector } from "../../objects/types.ts";
import { admitted } from "../admission/write.ts";
import { customScale, scaledKindOf, setReplicas } from "../crd/scale-paths.ts";
import { decodeStored } from "../crd/versions.ts";
import { type Answer, type Call, readBody } from "../http/call.ts";
import { methodNotAllowed } from "../http/replies.ts";
import { setManagedFields } from "../registry/fields.ts";
import { keyOf } from "../registry/keys.ts";
import { updateObject } from "../registry/write.ts";
import { mediaType, parsePlain, readPlain } from "./body.ts";
import { objectReply } from "./negotiate.ts";
import { type WriteQuery, writeQuery } from "./options.ts";
import { patchTypeOf, unknownPatch } from "./patch-types.ts";
import type { Target } from "./target.ts";

/** The `scale` subresource of workloads (autoscaling/v1). */
export async function serveScale(call: Call, target: Target, verb: string): Promise<Answer> {
  if (verb === "get") return objectReply(call, SCALE, JSON.stringify(scaleOf(target.kind, read(target))));
  if (verb === "update") {
    const query = writeQuery(call, "update");
    const wanted = asScale(await readPlain(call, SCALE));
    admitNames(SCALE, wanted, { namespace: target.namespace!, name: target.name! });
    return write(call, target, query, () => wanted);
  }
  if (verb !== "patch") throw methodNotAllowed();
  const type = patchTypeOf(mediaType(call));
  if (type === undefined) throw unknownPatch();
  const query = writeQuery(call, type === "apply" ? "apply" : "patch");
  const text = await readBody(call);
  if (type === "apply") return applyScale(call, target, query, text);
  return write(call, target, query, (present) => patched(present, type, text));
}

/** A Scale has no lists, so that a strategic merge patch is a merge patch. */
function patched(present: AnyObject, type: "json" | "merge" | "strategic", text: string): AnyObject {
  const patch = parsed(text);
  if (type !== "json") return applyMergePatch(present, patch) as AnyObject;
  if (!Array.isArray(patch)) throw badRequest("a JSON patch is a list of operations");
  try {
    return applyJsonPatch(present, patch as JsonPatchOperation[]) as AnyObject;
  } catch {
    const message = "the server rejected our request due to an error in our request";
    throw new ApiError({ message, reason: "Invalid", details: {} as never, code: 422 });
  }
}

function read({ kind, namespace, name, context }: Target): AnyObject {
  const entry = context.store.get(keyOf(kind, namespace, name!));
  if (entry === undefined) throw notFound({ group: kind.group, kind: kind.plural }, name!);
  return decodeStored(kind, entry.value);
}

function parsed(text: string): unknown {
  const value = parsePlain(text);
  if (value === null || typeof value !== "object") throw badRequest("the body is not a Scale");
  return value;
}

/** What came instead of a Scale is refused before its parts are looked at. */
function asScale(value: unknown): AnyObject {
  const parts = isObject(value) ? (value as Record<string, unknown>) : undefined;
  const wrong = parts === undefined ? "" : ["metadata", "spec"].find((part) => !isObject(parts[part] ?? {}));
  if (wrong === undefined) return value as AnyObject;
  const place = wrong === "" ? "it" : wrong;
  throw badRequest(`Scale in version "v1" cannot be handled as a Scale: ${place} is not an object`);
}

function isObject(value: unknown): boolean {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Applies a configuration of a Scale; its managers become those of the workload's replicas. */
function applyScale(call: Call, target: Target, query: WriteQuery, text: string): Promise<Answer> {
  const { configuration } = readConfiguration(text, query.fieldValidation);
  const { manager, force } = query;
  const change = (live: AnyObject): AnyObject => {
    const now = formatTime(target.context.now());
    return serverSideApply(managedScale(), { live, configuration, manager, force, subresource: "scale", now })
      .object;
  };
  return write(call, target, query, change, true);
}

async function write(
  call: Call,
  target: Target,
  { dryRun, manager }: WriteQuery,
  wish: (present: AnyObject) => AnyObject,
  ownersKnown = false,
): Promise<Answer> {
  const { kind, namespace, name, context } = target;
  const { change, warnings } = await admittedScale(call, target, dryRun, wish);
  const written = await updateObject(context, { kind, namespace, name: name!, dryRun }, (stored) => {
    const present = ownedScaleOf(kind, stored!);
    const wanted = asScale(change(structuredClone(present)));
    wanted.metadata ??= present.metadata;
    const object = stored!;
    setReplicas(object, kind.custom?.scale?.specReplicasPath ?? ".spec.replicas", replicasOf(wanted, name!));
    object.metadata.resourceVersion = wanted.metadata?.resourceVersion ?? "";
    if (!ownersKnown) {
      setManagedFields(managedScale(), present, wanted, {
        manager,
        now: context.now(),
        subresource: "scale",
      });
    }
    const owners = parentManagedFields(
      scaledKindOf(kind),
      object.metadata.managedFields,
      wanted.metadata.managedFields,
    );
    if (owners === undefined) delete object.metadata.managedFields;
    else object.metadata.managedFields = owners;
    return { object, warnings: [], ownersKnown: true };
  });
  return objectReply(call, SCALE, JSON.stringify(scaleOf(kind, decodeStored(kind, written.text))), {
    warnings: [...warnings, ...written.warnings],
  });
}

/** What is to become of the scale once webhooks have been asked; where there are none, what the client wishes. */
async function admittedScale(
  call: Call,
  target: Target,
  dryRun: boolean,
  wish: (present: AnyObject) => AnyObject,
): Promise<{ change: (present: AnyObject) => AnyObject; warnings: readonly string[] }> {
  const { kind, namespace, name, context } = target;
  if (!context.admission.concerns({ kind, operations: ["UPDATE"], subresource: "scale" }))
    return { change: wish, warnings: [] };
  const oldObject = ownedScaleOf(kind, read(target));
  const wanted = wish(structuredClone(oldObject));
  const { object, warnings } = await admitted(context, {
    ...{ operation: "UPDATE", kind, subresource: "scale", namespace, name: name!, user: call.user, dryRun },
    objectKind: { apiVersion: "autoscaling/v1", kind: "Scale" },
    ...{ object: wanted, oldObject },
  });
  return { change: () => structuredClone(object), warnings };
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

/** A workload's Scale with the owners of its replicas, which answers leave out. */
function ownedScaleOf(kind: Kind, object: AnyObject): AnyObject {
  const scale = scaleOf(kind, object);
  const owners = scaleManagedFields(scaledKindOf(kind), object.metadata.managedFields);
  if (owners !== undefined) scale.metadata.managedFields = owners;
  return scale;
}

function scaleOf(kind: Kind, object: AnyObject): AnyObject {
  const { metadata, spec, status } = object;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  // an empty selector prints as <none> in tables, and as nothing here
  const ofWorkload = isEmpty(spec?.selector) ? "" : formatLabelSelector(spec?.selector);
  const paths = kind.custom?.scale;
  const custom = paths === undefined ? undefined : customScale(object, paths);
  const selector = custom?.selector ?? ofWorkload;
  const replicas = custom?.spec ?? spec?.replicas;
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp } as AnyObject["metadata"],
    spec: replicas ? { replicas } : {},
    status: { replicas: custom?.status ?? status?.replicas ?? 0, ...(selector === "" ? {} : { selector }) },
  };
}

function isEmpty(selector: LabelSelector | undefined): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}
