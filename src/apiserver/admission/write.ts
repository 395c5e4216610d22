/** Writes that webhooks are asked about first. Where no webhook is registered, they are those of the registry. */
import { admitNames } from "../../objects/index.ts";
import { apiVersionOf } from "../../objects/kinds.ts";
import { conflict, OBJECT_MODIFIED } from "../../objects/status.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { User } from "../auth/user.ts";
import type { ApiContext } from "../context.ts";
import { decodeStored } from "../crd/versions.ts";
import { type Deleted, deleteObject } from "../registry/delete.ts";
import { keyOf } from "../registry/keys.ts";
import {
  createObject,
  type Place,
  type Produce,
  type Produced,
  type UpdatePlace,
  updateObject,
  type Written,
} from "../registry/write.ts";
import type { DeleteOptions } from "../rest/delete-options.ts";
import type { Mutated } from "./admission.ts";
import type { Attributes } from "./attributes.ts";

/** How often an update is tried again when the object changed while webhooks were asked. */
const ATTEMPTS = 5;

/**
 * Creates an object that was decoded, named and defaulted: mutating webhooks, validation, validating webhooks, store.
 * @throws ApiError
 */
export async function createAdmitted(
  context: ApiContext,
  user: User,
  place: Omit<Place, "name">,
  object: AnyObject,
): Promise<Written> {
  const { admission } = context;
  const { kind, dryRun } = place;
  if (!admission.concerns({ kind, operations: ["CREATE"] })) return createObject(context, place, object);
  const attributes = attributesOf("CREATE", user, place, object);
  const mutated = await admission.mutate(context, attributes);
  admitNames(kind, mutated.object, { namespace: place.namespace! });
  const next = { ...attributes, object: mutated.object };
  const warnings = [...mutated.warnings];
  if (admission.validates(context, next)) {
    // what would be stored: webhooks that validate see addresses, defaults and the name that it is going to have
    const tried = await createObject(context, { ...place, dryRun: true }, structuredClone(mutated.object));
    const shown = JSON.parse(tried.text) as AnyObject;
    mutated.object.metadata.name = shown.metadata.name;
    warnings.push(
      ...(await admission.validate(context, { ...next, name: shown.metadata.name, object: shown })),
    );
  }
  const written = await createObject(context, { ...place, dryRun }, mutated.object);
  return { ...written, warnings: [...warnings, ...written.warnings] };
}

/** What webhooks are told of a write; the object carries its kind. */
function attributesOf(
  operation: Attributes["operation"],
  user: User,
  { kind, namespace, dryRun, manager }: Omit<Place, "name">,
  object: AnyObject,
): Attributes {
  const options = {
    kind: operation === "CREATE" ? "CreateOptions" : "UpdateOptions",
    apiVersion: "meta.k8s.io/v1",
    ...(dryRun ? { dryRun: ["All"] } : {}),
    ...(manager === undefined ? {} : { fieldManager: manager }),
  };
  object.kind = kind.kind;
  object.apiVersion = apiVersionOf(kind);
  return { operation, kind, namespace, name: object.metadata.name ?? "", object, user, dryRun, options };
}

/** Updates an object, or creates it where that is asked for. It is made anew when it changed meanwhile. @throws ApiError */
export async function updateAdmitted(
  context: ApiContext,
  user: User,
  place: UpdatePlace,
  produce: Produce,
): Promise<Written> {
  const { kind, name, subresource, creates } = place;
  const operations: Attributes["operation"][] = creates === undefined ? ["UPDATE"] : ["UPDATE", "CREATE"];
  if (!context.admission.concerns({ kind, operations, subresource }))
    return updateObject(context, place, produce);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const written = await attemptUpdate(context, user, place, produce);
    if (written !== undefined) return written;
  }
  throw conflict({ group: kind.group, kind: kind.plural }, name, OBJECT_MODIFIED);
}

/** Undefined when the object changed while webhooks were asked. */
async function attemptUpdate(
  context: ApiContext,
  user: User,
  place: UpdatePlace,
  produce: Produce,
): Promise<Written | undefined> {
  const { admission, store } = context;
  const { kind, namespace, name, subresource } = place;
  const entry = store.get(keyOf(kind, namespace, name));
  const stored = entry && decodeStored(kind, entry.value);
  if (stored === undefined && place.creates === undefined) return updateObject(context, place, produce);
  const made = produce(stored === undefined ? undefined : structuredClone(stored));
  const attributes: Attributes = {
    ...attributesOf(stored === undefined ? "CREATE" : "UPDATE", user, place, made.object),
    ...(subresource === undefined ? {} : { subresource }),
    ...(stored === undefined ? {} : { oldObject: stored }),
  };
  const mutated = await admission.mutate(context, attributes);
  admitNames(kind, mutated.object, { namespace: namespace!, name });
  const next = { ...attributes, object: mutated.object };
  const guard = new Guard(entry?.value, made, mutated.object);
  const warnings = [...made.warnings, ...mutated.warnings];
  if (admission.validates(context, next)) {
    const tried = await guard.write(context, { ...place, dryRun: true });
    if (tried === undefined) return undefined;
    const shown = JSON.parse(tried.text) as AnyObject;
    warnings.push(...(await admission.validate(context, { ...next, object: shown })));
  }
  const written = await guard.write(context, place);
  return written && { ...written, warnings: [...warnings, ...written.warnings] };
}

/** The object is another one than webhooks were shown. */
class Changed extends Error {}

/** Writes what was agreed on, if the stored object is still the one that it was made from. */
class Guard {
  readonly #seen: string | undefined;
  readonly #made: Produced;
  readonly #object: AnyObject;

  constructor(seen: string | undefined, made: Produced, object: AnyObject) {
    this.#seen = seen;
    this.#made = made;
    this.#object = object;
  }

  async write(context: ApiContext, place: UpdatePlace): Promise<Written | undefined> {
    const { kind } = place;
    const seen = this.#seen === undefined ? undefined : decodeStored(kind, this.#seen);
    try {
      return await updateObject(context, place, (stored) => {
        if (stored?.metadata.resourceVersion !== seen?.metadata.resourceVersion) throw new Changed();
        return { ...this.#made, warnings: [], object: structuredClone(this.#object) };
      });
    } catch (error) {
      if (error instanceof Changed) return undefined;
      throw error;
    }
  }
}

/** Deletes an object after webhooks were asked; they cannot change anything of it. @throws ApiError */
export async function deleteAdmitted(
  context: ApiContext,
  user: User,
  place: { readonly kind: Place["kind"]; readonly namespace: string | undefined; readonly name: string },
  options: DeleteOptions,
): Promise<Deleted & { readonly warnings: readonly string[] }> {
  const { admission, store } = context;
  const { kind, namespace, name } = place;
  const entry = admission.concerns({ kind, operations: ["DELETE"] })
    ? store.get(keyOf(kind, namespace, name))
    : undefined;
  if (entry === undefined) return { ...(await deleteObject(context, place, options)), warnings: [] };
  const { dryRun, gracePeriodSeconds, propagation } = options;
  const attributes: Attributes = {
    ...{ operation: "DELETE", kind, namespace, name, user, dryRun },
    oldObject: decodeStored(kind, entry.value),
    options: {
      ...{ kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1" },
      ...(dryRun ? { dryRun: ["All"] } : {}),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
    },
  };
  const { warnings } = await admission.mutate(context, attributes);
  const more = await admission.validate(context, attributes);
  return { ...(await deleteObject(context, place, options)), warnings: [...warnings, ...more] };
}

/**
 * Asks about a request whose object is none of the resource's kind: a connection, a binding, an eviction, a scale. The
 * result is the object as mutating webhooks want it.
 * @throws ApiError
 */
export async function admitted(
  context: ApiContext,
  attributes: Attributes & { readonly object: AnyObject },
): Promise<Mutated> {
  const { admission } = context;
  const { kind, operation, subresource } = attributes;
  if (!admission.concerns({ kind, operations: [operation], subresource }))
    return { object: attributes.object, warnings: [] };
  const { object, warnings } = await admission.mutate(context, attributes);
  const more = await admission.validate(context, { ...attributes, object });
  return { object, warnings: [...warnings, ...more] };
}
