import {
  admitNames,
  applyPatch,
  decodeValue,
  defaultObject,
  formatTime,
  managedKind,
  readConfiguration,
  serverSideApply,
} from "../../objects/index.ts";
import { ApiError, badRequest } from "../../objects/status.ts";
import type { AnyObject } from "../../objects/types.ts";
import { guarded, guardRights } from "../auth/rbac/escalation.ts";
import type { Answer, Call } from "../http/call.ts";
import { readBody } from "../http/call.ts";
import { createAdmitted, updateAdmitted } from "../admission/write.ts";
import type { Place, Produce, UpdatePlace, Written } from "../registry/write.ts";
import { mediaType, readObject } from "./body.ts";
import { objectReply } from "./negotiate.ts";
import { type WriteQuery, writeQuery } from "./options.ts";
import { patchTypeOf, unknownPatch } from "./patch-types.ts";
import type { Target } from "./target.ts";

/** POST of an object to its collection. */
export async function create(call: Call, target: Target): Promise<Answer> {
  const { kind, namespace, context } = target;
  const { dryRun, fieldValidation, manager } = writeQuery(call, "create");
  const { object, warnings } = await readObject(call, kind, fieldValidation);
  refuseVersion(object);
  admitNames(kind, object, { namespace: namespace! });
  defaultObject(kind, object);
  guardRights(call.user, target, object);
  const written = await warned(
    warnings,
    createAdmitted(context, call.user, { kind, namespace, dryRun, manager }, object),
  );
  return replyTo(call, target, written, warnings);
}

/** What is created has no version yet. The real server answers with 500 and this message. @throws ApiError 400 */
function refuseVersion({ metadata }: AnyObject): void {
  const version = metadata?.resourceVersion ?? "";
  if (version !== "" && version !== "0")
    throw badRequest("resourceVersion should not be set on objects to be created");
}

/** PUT of an object or of its status. */
export async function update(call: Call, target: Target): Promise<Answer> {
  const { kind, namespace, name, subresource, context } = target;
  const { dryRun, fieldValidation, manager } = writeQuery(call, "update");
  const { object, warnings } = await readObject(call, kind, fieldValidation);
  requireName(object, name!);
  admitNames(kind, object, { namespace: namespace!, name: name! });
  defaultObject(kind, object);
  const place: Place = { kind, namespace, name: name!, dryRun, manager };
  const sub = subresource === undefined ? {} : { subresource };
  const produce = subresource === "finalize" ? finalized(object) : () => ({ object, warnings: [] });
  const next: UpdatePlace = { ...place, ...sub, creates: "as its kind says" };
  const written = await warned(
    warnings,
    updateAdmitted(context, call.user, next, guarded(call.user, target, produce)),
  );
  return replyTo(call, target, written, warnings);
}

/** A namespace's `finalize` changes its spec.finalizers and nothing else of what is not metadata. */
function finalized({ metadata, spec }: AnyObject): Produce {
  return (stored) => ({ object: { ...stored!, metadata, spec: spec ?? {} }, warnings: [] });
}

/** PATCH of an object or of its status: a patch, or a configuration to apply. */
export async function patch(call: Call, target: Target): Promise<Answer> {
  const { kind, namespace, name, subresource, context } = target;
  const type = patchTypeOf(mediaType(call));
  if (type === undefined || (type === "strategic" && kind.custom !== undefined)) throw unknownPatch(kind);
  const query = writeQuery(call, type === "apply" ? "apply" : "patch");
  const text = await readBody(call);
  const { dryRun, manager } = query;
  const place: UpdatePlace = {
    ...{ kind, namespace, name: name!, dryRun, manager },
    ...(subresource === undefined ? {} : { subresource }),
    ...(type === "apply" ? { creates: "always" } : {}),
  };
  const produce = type === "apply" ? applied(target, text, query) : patched(target, type, text, query);
  const noted: string[] = [];
  const noting: Produce = (stored) => {
    const produced = produce(stored);
    noted.push(...produced.warnings);
    return produced;
  };
  const write = updateAdmitted(context, call.user, place, guarded(call.user, target, noting));
  return replyTo(call, target, await warned(noted, write), []);
}

function patched(
  { kind, namespace, name }: Target,
  type: "json" | "merge" | "strategic",
  text: string,
  { fieldValidation }: WriteQuery,
): Produce {
  return (stored) => {
    const { object, warnings } = applyPatch(kind, stored!, { type, text, mode: fieldValidation });
    admitNames(kind, object, { namespace: namespace!, name: name! });
    defaultObject(kind, object);
    return { object, warnings };
  };
}

/** Server-side apply: the configuration's fields are set and owned, those it no longer has are given up. */
function applied(
  { kind, namespace, name, subresource, context }: Target,
  text: string,
  { fieldValidation, manager, force }: WriteQuery,
): Produce {
  const { configuration, warnings } = readConfiguration(text, fieldValidation);
  return (live) => {
    const now = formatTime(context.now());
    const result = serverSideApply(managedKind(kind), {
      live,
      configuration,
      manager,
      force,
      subresource,
      now,
    });
    const { object } = decodeValue(kind, result.object, "Ignore");
    admitNames(kind, object, { namespace: namespace!, name: name! });
    defaultObject(kind, object);
    return { object, warnings, ownersKnown: true };
  };
}

/** Warnings about a body go with the answer also when the write fails. */
async function warned(warnings: readonly string[], write: Promise<Written>): Promise<Written> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof ApiError) error.warnings = [...warnings, ...(error.warnings ?? [])];
    throw error;
  }
}

function requireName({ metadata }: AnyObject, name: string): void {
  if ((metadata?.name ?? "") !== "") return;
  const message = `the name of the object (${name} based on URL) was undeterminable: name must be provided`;
  throw new ApiError({ message, reason: "BadRequest", code: 400 });
}

function replyTo(call: Call, { kind }: Target, written: Written, warnings: readonly string[]): Answer {
  const all = [...warnings, ...written.warnings];
  return objectReply(call, kind, written.text, { status: written.created ? 201 : 200, warnings: all });
}
