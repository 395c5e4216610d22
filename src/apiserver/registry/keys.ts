import type { Kind } from "../../objects/kinds.ts";

/** The start of the store's keys of a kind's objects, in one namespace or in all of them. */
export function prefixOf(kind: Kind, namespace?: string): string {
  const root = `/${kind.plural}.${kind.group}/`;
  return kind.namespaced && namespace !== undefined ? `${root}${namespace}/` : root;
}

/** The store's key of an object. Names hold no slash, so no two objects share a key. */
export function keyOf(kind: Kind, namespace: string | undefined, name: string): string {
  return `${prefixOf(kind, namespace)}${name}`;
}

/** The key that marks a node port as used; its value names the Service. */
export function nodePortKey(port: number): string {
  return `/@node-ports/${port}`;
}
