/** Writes of workloads as the server makes them, without a server. */
import {
  type AnyObject,
  admitNames,
  beforeCreate,
  beforeUpdate,
  decodeBody,
  decodeValue,
  defaultObject,
  fillSystemMetadata,
  type Kind,
} from "../../src/objects/index.ts";
import { ApiError } from "../../src/objects/status.ts";

/** A time at which all is created. */
export const NOW = new Date("2026-01-01T00:01:00Z");

/** The object as it is stored once it is created in the namespace `ns`. @throws ApiError 422 */
export function store(kind: Kind, body: object): AnyObject {
  const { object } = decodeBody(kind, JSON.stringify(body), { mode: "Strict" });
  admitNames(kind, object, { namespace: "ns" });
  defaultObject(kind, object);
  fillSystemMetadata(object, { now: NOW, uid: "u" });
  beforeCreate(kind, object);
  return object;
}

/** What a stored object becomes by a change. @throws ApiError 422 */
export function update(
  kind: Kind,
  stored: AnyObject,
  change: (next: AnyObject) => unknown,
  subresource?: string,
): AnyObject {
  const next = structuredClone(stored);
  change(next);
  const { object } = decodeValue(kind, next, "Strict");
  defaultObject(kind, object);
  beforeUpdate(kind, object, stored, subresource);
  return object;
}

/** What a refused write says of each field. */
export function causesOf(write: () => unknown): string[] {
  try {
    write();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return (error.status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
  }
  return [];
}
