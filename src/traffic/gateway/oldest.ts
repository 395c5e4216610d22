import type { KubeObject } from "../../objects/types.ts";

/** The object that comes first where several want the same: the oldest, of the same age the first by namespace and name. */
export function oldest<T extends KubeObject>(objects: readonly T[]): T | undefined {
  let first: T | undefined;
  for (const object of objects) if (first === undefined || comesBefore(object, first)) first = object;
  return first;
}

function comesBefore(a: KubeObject, b: KubeObject): boolean {
  const [older, younger] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  return older === younger ? nameOf(a) < nameOf(b) : older < younger;
}

function nameOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}
