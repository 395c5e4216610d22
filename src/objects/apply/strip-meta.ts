import { difference, type FieldSet, setOf } from "./field-set.ts";

const METADATA = [
  "name",
  "namespace",
  "creationTimestamp",
  "selfLink",
  "uid",
  "clusterName",
  "generation",
  "managedFields",
  "resourceVersion",
];

const NEVER_OWNED = setOf(
  ["f:apiVersion"],
  ["f:kind"],
  ["f:metadata"],
  ...METADATA.map((name) => ["f:metadata", `f:${name}`]),
);

/** Without what names an object and what the server alone sets (apimachinery stripmeta.go). */
export function withoutMeta(set: FieldSet): FieldSet {
  return difference(set, NEVER_OWNED);
}
