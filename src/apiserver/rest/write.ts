import { admitNames, applyPatch, decodeBody, defaultObject } from "../../objects/index.ts";
import { ApiError } from "../../objects/status.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { Answer, Call } from "../http/call.ts";
import { readBody } from "../http/call.ts";
import { createObject, type Place, type Produce, updateObject, type Written } from "../registry/write.ts";
import { mediaType, readObjectBody } from "./body.ts";
import { objectReply } from "./negotiate.ts";
import { writeQuery } from "./options.ts";
import { patchTypeOf, unknownPatch } from "./patch-types.ts";
import type { Target } from "./target.ts";

/** POST of an object to its collection. */
export async function create(call: Call, target: Target): Promise<Answer> {
  const { kind, namespace, context } = target;
  const { dryRun, fieldValidation } = writeQuery(call, "CreateOptions");
  const body = await readObjectBody(call);
  const { object, warnings } = decodeBody(kind, body.text, { mode: fieldValidation, yaml: body.yaml });
  admitNames(kind, object, { namespace: namespace! });
  defaultObject(kind, object);
  const written = await createObject(context, { kind, namespace, dryRun }, object);
  return replyTo(call, target, written, warnings);
}

/** PUT of an object or of its status. */
export async function update(call: Call, target: Target): Promise<Answer> {
  const { kind, namespace, name, subresource, context } = target;
  const { dryRun, fieldValidation } = writeQuery(call, "UpdateOptions");
  const body = await readObjectBody(call);
  const { object, warnings } = decodeBody(kind, body.text, { mode: fieldValidation, yaml: body.yaml });
  requireName(object, name!);
  admitNames(kind, object, { namespace: namespace!, name: name! });
  defaultObject(kind, object);
  const place: Place = { kind, namespace, name: name!, dryRun };
  const sub = subresource === undefined ? {} : { subresource };
  const produce = subresource === "finalize" ? finalized(object) : () => ({ object, warnings: [] });
  const written = await updateObject(context, { ...place, ...sub, mayCreate: true }, produce);
  return replyTo(call, target, written, warnings);
}

/** A namespace's `finalize` changes its spec.finalizers and nothing else of what is not metadata. */
function finalized({ metadata, spec }: AnyObject): Produce {
  return (stored) => ({ object: { ...stored!, metadata, spec: spec ?? {} }, warnings: [] });
}

/** PATCH of an object or of its status. */
export async function patch(call: Call, target: Target): Promise<Answer> {
  const { kind, namespace, name, subresource, context } = target;
  const type = patchTypeOf(mediaType(call));
  if (type === undefined) throw unknownPatch();
  const { dryRun, fieldValidation } = writeQuery(call, "PatchOptions");
  const text = await readBody(call);
  const sub = subresource === undefined ? {} : { subresource };
  const written = await updateObject(context, { kind, namespace, name: name!, dryRun, ...sub }, (stored) => {
    const { object, warnings } = applyPatch(kind, stored!, { type, text, mode: fieldValidation });
    admitNames(kind, object, { namespace: namespace!, name: name! });
    defaultObject(kind, object);
    return { object, warnings };
  });
  return replyTo(call, target, written, []);
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
