/** What the schema of a type says about merging its fields, and the error of patches that do not fit it. */
import type { StructType, WireType } from "../schema/types.ts";
import { goPrint, has, type JsonObject } from "./json-value.ts";

/** A strategic merge patch that makes no sense; `status` is the HTTP code that the server answers with. */
export class StrategicMergeError extends Error {
  readonly status: 400 | 422 | 500;

  constructor(message: string, status: 400 | 422 | 500 = 500) {
    super(message);
    this.status = status;
  }
}

/** The type of a field; undefined where nothing is known of it. @throws StrategicMergeError for a field that a struct lacks */
export function fieldType(type: WireType | undefined, key: string): WireType | undefined {
  if (type?.tag === "map") return type.values;
  return type?.tag === "struct" ? lookUp(type, key).type : undefined;
}

/** Whether a patch replaces a map as a whole (`x-kubernetes-patch-strategy: replace`). */
export function isReplaced(type: WireType | undefined, key: string): boolean {
  return type?.tag === "struct" && lookUp(type, key).isReplaced === true;
}

function lookUp(type: StructType, key: string): StructType["fields"][number] {
  const field = type.byName.get(key);
  if (field !== undefined) return field;
  throw new StrategicMergeError(
    `unable to find api field in struct ${type.struct} for the json field ${JSON.stringify(key)}`,
  );
}

/** How a patch goes into a list: merged with it or in its place, by which key, and what its items are. */
export interface ListMeaning {
  readonly merges: boolean;
  readonly key: string;
  readonly items: WireType | undefined;
}

/** What the schema says of the list under a name. */
export function meaningOf(type: WireType | undefined, name: string): ListMeaning {
  if (type?.tag !== "struct") return { merges: false, key: "", items: undefined };
  const field = lookUp(type, name);
  const strategies = (field.list?.patchStrategy ?? "").split(",");
  const items = field.type.tag === "list" ? field.type.items : undefined;
  return { merges: strategies.includes("merge"), key: field.list?.patchMergeKey ?? "", items };
}

/** The value of an item's merge key. @throws StrategicMergeError for an item without */
export function mergeKeyOf(item: JsonObject, key: string): unknown {
  if (has(item, key)) return item[key];
  throw new StrategicMergeError(`map: ${goPrint(item)} does not contain declared merge key: ${key}`);
}
