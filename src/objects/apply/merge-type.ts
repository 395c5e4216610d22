/**
 * How values of a type are merged: what of them is owned as a whole, and what in parts. A type may allow
 * several shapes; which one counts depends on the value (structured-merge-diff schema/elements.go calls it
 * an atom).
 */
export interface MergeType {
  scalar?: ScalarType;
  list?: ListType;
  map?: MapType;
}

/** Which scalars a type allows; `untyped` is any of them. */
export type ScalarType = "numeric" | "string" | "boolean" | "untyped";

/** How a list merges. */
export interface ListType {
  /** Owned as a whole; otherwise each item for itself. */
  readonly atomic: boolean;
  /** The fields by which items are told apart, in the order of the schema; none when items are scalars. */
  readonly keys: readonly string[];
  readonly items: MergeType;
}

/** How a map or a struct merges. */
export interface MapType {
  /** Owned as a whole; otherwise each field for itself. */
  readonly atomic: boolean;
  readonly fields: ReadonlyMap<string, MapField>;
  /** The type of all other keys; undefined when there are no others. */
  readonly values?: MergeType;
}

/** One field of a struct. */
export interface MapField {
  readonly type: MergeType;
  /** The value of a key field that an item leaves out. */
  readonly default?: unknown;
}

const NO_FIELDS: ReadonlyMap<string, MapField> = new Map();

/** Values of unknown structure that are owned as a whole. */
export const ATOMIC: MergeType = untyped(true);

/** Values of unknown structure: maps are owned by their fields, lists as a whole. */
export const DEDUCED: MergeType = untyped(false);

function untyped(atomic: boolean): MergeType {
  const type: MergeType = { scalar: "untyped" };
  type.list = { atomic: true, keys: [], items: atomic ? type : ATOMIC };
  type.map = { atomic, fields: NO_FIELDS, values: type };
  return type;
}

/** The shape of a value. */
export type Shape = "map" | "scalar" | "list";

/**
 * The shape under which a type treats a value: its own if the type has it, otherwise the first that the
 * type has.
 */
export function shapeOf(type: MergeType, value: unknown): Shape {
  if (value !== null && value !== undefined) {
    if (typeof value !== "object") {
      if (type.scalar !== undefined) return "scalar";
    } else if (Array.isArray(value)) {
      if (type.list !== undefined) return "list";
    } else if (type.map !== undefined) return "map";
  }
  if (type.map !== undefined) return "map";
  return type.scalar !== undefined ? "scalar" : "list";
}

/** The type of a map's field; {@link DEDUCED} for one that the schema does not know. */
export function fieldType(map: MapType, name: string): MergeType {
  return map.fields.get(name)?.type ?? map.values ?? DEDUCED;
}
