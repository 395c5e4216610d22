import { ABOUT } from "../tables/about.ts";
import { type Cell, type Column, type Layout, NAME, since } from "../tables/table.ts";
import type { AnyObject } from "../types.ts";
import type { CustomVersion } from "./custom-kind.ts";
import type { PrinterColumn } from "./definition/types.ts";
import { valuesAt } from "./json-path.ts";

const AGE: PrinterColumn = {
  name: "Age",
  type: "date",
  description: ABOUT.age,
  jsonPath: ".metadata.creationTimestamp",
};

const layouts = new WeakMap<CustomVersion, Layout>();

/** The columns of a custom resource (apiextensions pkg/registry/customresource/tableconvertor). */
export function customLayout(custom: CustomVersion): Layout {
  let layout = layouts.get(custom);
  if (layout === undefined) {
    const columns = custom.columns === undefined || custom.columns.length === 0 ? [AGE] : custom.columns;
    layout = {
      columns: [NAME, ...columns.map(columnOf)],
      cells: (object, now) => [object.metadata.name, ...columns.map((column) => cellOf(column, object, now))],
    };
    layouts.set(custom, layout);
  }
  return layout;
}

function columnOf({
  name,
  type,
  format = "",
  description = "",
  priority = 0,
  jsonPath,
}: PrinterColumn): Column {
  const about =
    description === "" ? `Custom resource definition column (in JSONPath format): ${jsonPath}` : description;
  return { name, type: type as Column["type"], format, description: about, priority };
}

function cellOf({ type, jsonPath }: PrinterColumn, object: AnyObject, now: Date): Cell {
  const [value] = valuesAt(object, jsonPath);
  if (value === undefined || value === null) return type === "string" && value === null ? "<nil>" : null;
  switch (type) {
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return typeof value === "string" ? dateCell(value, now) : null;
    default:
      return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}

function dateCell(text: string, now: Date): Cell {
  return Number.isNaN(Date.parse(text)) ? "<invalid>" : since(text, now);
}
