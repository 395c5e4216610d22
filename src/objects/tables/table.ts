import type { AnyObject, ObjectMeta } from "../types.ts";
import { humanDuration } from "../time.ts";
import { ABOUT } from "./about.ts";

/** `metav1.TableColumnDefinition` */
export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean";
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: number;
}

/** What stands in one cell. */
export type Cell = string | number | boolean | null;

/** A table's row: the cells, and what goes with them of the object. */
export interface Row {
  readonly cells: readonly Cell[];
  readonly conditions?: readonly RowCondition[];
  readonly object: unknown;
}

/** `metav1.TableRowCondition`: why clients may leave out a row. */
export interface RowCondition {
  readonly type: "Completed";
  readonly status: "True";
  readonly reason: string;
  readonly message: string;
}

/** `metav1.Table` */
export interface Table {
  readonly kind: "Table";
  readonly apiVersion: "meta.k8s.io/v1";
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  readonly columnDefinitions: readonly Column[];
  readonly rows: readonly Row[];
}

/** How objects of one kind are shown as rows. `now` is the time that ages are counted to. */
export interface Layout<T = AnyObject> {
  readonly columns: readonly Column[];
  cells(object: T, now: Date): Cell[];
  conditions?(object: T): readonly RowCondition[] | undefined;
  /** A column more where some of the objects ask for it, as those of Services with an address per family do. */
  readonly extra?: { readonly column: Column; wanted(object: T): boolean; cell(object: T): Cell };
}

/** A column that is always shown. */
export function column(
  name: string,
  description: string,
  type: Column["type"] = "string",
  format = "",
): Column {
  return { name, type, format, description, priority: 0 };
}

/** A column that is shown with `-o wide`. */
export function wide(name: string, description: string, type: Column["type"] = "string"): Column {
  return { ...column(name, description, type), priority: 1 };
}

/** The column of names, first in every table. */
export const NAME = column("Name", ABOUT.name, "string", "name");
/** The column of ages. */
export const AGE = column("Age", ABOUT.age);

/** What stands for a value that is not there. */
export const NONE = "<none>";
const UNKNOWN = "<unknown>";

/** How long ago a time is. */
export function since(time: string | null | undefined, now: Date): string {
  return time ? humanDuration(now.getTime() - Date.parse(time)) : UNKNOWN;
}

/** How old an object is. */
export function ageOf({ metadata }: { metadata: ObjectMeta }, now: Date): string {
  return since(metadata.creationTimestamp, now);
}

/** Values with commas, `<none>` when there are none. */
export function listed(values: readonly string[] | undefined): string {
  return values === undefined || values.length === 0 ? NONE : values.join(",");
}

/** The first few values, and how many more there are. */
export function abridged(values: readonly string[], whenEmpty: string): string {
  const max = 3;
  if (values.length === 0) return whenEmpty;
  const shown = values.slice(0, max).join(",");
  return values.length > max ? `${shown} + ${values.length - max} more...` : shown;
}

/** Labels as `a=b,c=d`. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  return listed(
    Object.entries(labels ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`),
  );
}
