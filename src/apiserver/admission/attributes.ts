import { apiVersionOf, type Kind } from "../../objects/kinds.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { User } from "../auth/user.ts";

/** What a request does to an object. */
export type Operation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

/** What a request wants to do, as webhooks see it (pkg/admission/interfaces.go Attributes). */
export interface Attributes {
  readonly operation: Operation;
  /** The resource; for a subresource, the one that it belongs to. */
  readonly kind: Kind;
  readonly subresource?: string;
  /** `apiVersion` and `kind` of the object where that is not the resource's kind: a Scale, an Eviction. */
  readonly objectKind?: { readonly apiVersion: string; readonly kind: string };
  readonly namespace: string | undefined;
  /** "" while it is not known. */
  readonly name: string;
  /** Of a creation, update or connection. */
  readonly object?: AnyObject;
  /** Of an update or deletion. */
  readonly oldObject?: AnyObject;
  readonly user: User;
  readonly dryRun: boolean;
  /** CreateOptions and the like, with their kind. */
  readonly options?: object;
}

/** `{ group, version, kind }` of the object in the review. */
export function gvkOf({ kind, objectKind }: Attributes): { group: string; version: string; kind: string } {
  if (objectKind === undefined) return { group: kind.group, version: kind.version, kind: kind.kind };
  const [first = "", second] = objectKind.apiVersion.split("/");
  return { group: second === undefined ? "" : first, version: second ?? first, kind: objectKind.kind };
}

/** A copy of the attributes with the version of the kind that a webhook asks for; conversion changes only the name. */
export function inKind(attributes: Attributes, kind: Kind): Attributes {
  if (kind === attributes.kind) return attributes;
  const named = (object: AnyObject | undefined): AnyObject | undefined =>
    object && { ...object, apiVersion: apiVersionOf(kind) };
  const { object, oldObject } = attributes;
  return {
    ...attributes,
    kind,
    ...(object && { object: named(object)! }),
    ...(oldObject && { oldObject: named(oldObject)! }),
  };
}
