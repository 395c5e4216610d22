import { duplicate, type FieldError, forbidden, required } from "../field-errors.ts";
import { sameJson } from "../patch/json-value.ts";
import type { Container, Pod, PodSpec } from "../types.ts";

const FIELD = "spec.ephemeralContainers";

/** The containers that `kubectl debug` adds to a running Pod. */
function ephemeralContainersOf(spec: PodSpec): Container[] {
  return spec.ephemeralContainers ?? [];
}

/** A Pod is created without them. */
export function refuseEphemeralContainers({ spec }: Pod): FieldError[] {
  return ephemeralContainersOf(spec).length === 0 ? [] : [forbidden(FIELD, "cannot be set on create")];
}

/** All but the ephemeral containers is taken from the stored Pod (pod/strategy.go's dropNonEphemeralContainerUpdates). */
export function keepAllButEphemeralContainers(next: Pod, stored: Pod): void {
  const added = ephemeralContainersOf(next.spec);
  const spec: PodSpec = { ...stored.spec };
  delete spec.ephemeralContainers;
  next.spec = added.length === 0 ? spec : { ...spec, ephemeralContainers: added };
  if (stored.status !== undefined) next.status = stored.status;
  const { name, uid, resourceVersion, managedFields } = next.metadata;
  const own = { name, uid, resourceVersion, managedFields };
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const { managedFields: _owners, ...metadata } = stored.metadata;
  next.metadata = { ...metadata, ...given } as Pod["metadata"];
}

/** Checks a write of the subresource: containers are added, never changed or removed (ValidatePodEphemeralContainersUpdate). */
export function validateEphemeralContainers(next: Pod, stored: Pod): FieldError[] {
  const after = ephemeralContainersOf(next.spec);
  const kept = ephemeralContainersOf(stored.spec).flatMap((old) => {
    const found = after.find(({ name }) => name === old.name);
    const name = JSON.stringify(old.name);
    if (found === undefined)
      return [forbidden(FIELD, `existing ephemeral containers ${name} may not be removed\n`)];
    return sameJson(found, old)
      ? []
      : [forbidden(FIELD, `existing ephemeral containers ${name} may not be changed\n`)];
  });
  return [...checkNames(next.spec, after), ...kept];
}

function checkNames(spec: PodSpec, containers: readonly Container[]): FieldError[] {
  const taken = new Set([...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name));
  return containers.flatMap(({ name, image }, index) => {
    const field = `${FIELD}[${index}]`;
    const errors: FieldError[] = [];
    if ((name ?? "") === "") errors.push(required(`${field}.name`));
    else if (taken.has(name)) errors.push(duplicate(`${field}.name`, name));
    if ((image ?? "") === "") errors.push(required(`${field}.image`));
    taken.add(name);
    return errors;
  });
}
