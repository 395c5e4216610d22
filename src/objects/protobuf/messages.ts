import { readFileSync } from "node:fs";
import type { Kind } from "../kinds.ts";

/** A field's type on the wire: a Go type, the name of a special message, or a message. */
export type FieldType = string | Message;

/** One field of a message. */
export interface Field {
  /** Its name in JSON: "" when its own fields stand in its place, `*` when the message is the list itself. */
  readonly name: string;
  readonly type: FieldType;
  readonly shape: "one" | "list" | "map";
  /** Its zero value differs from none: a pointer in Go. */
  readonly keepsZero: boolean;
}

/** A message: its fields by their numbers. */
export interface Message {
  /** `core.v1.Pod`. */
  readonly name: string;
  readonly fields: ReadonlyMap<number, Field>;
}

const TABLE = new URL("../../../data/protobuf/fields-1.35.txt", import.meta.url);

let read: ReadonlyMap<string, Message> | undefined;

/** The message of a kind's objects, if the kind has one. The table is read when first asked for. */
export function messageOfKind({
  group,
  version,
  kind,
}: Pick<Kind, "group" | "version" | "kind">): Message | undefined {
  const name = group === "" ? "core" : (group.split(".")[0] ?? "");
  // options of a deletion are of no group, though every group has them
  return messageNamed(kind === "DeleteOptions" ? "meta.v1.DeleteOptions" : `${name}.${version}.${kind}`);
}

/** The message of a name such as `core.v1.Pod`. */
export function messageNamed(name: string): Message | undefined {
  read ??= parseTable(readFileSync(TABLE, "utf8"));
  return read.get(name);
}

type Draft = Message & { readonly fields: Map<number, Field>; readonly texts: readonly string[] };

/** Parses a table in the form that data/protobuf/README.md describes. Messages may contain themselves. */
export function parseTable(text: string): ReadonlyMap<string, Message> {
  const drafts = new Map<string, Draft>();
  let section = "";
  for (const line of text.trim().split("\n")) {
    if (line.startsWith("[")) section = line.slice(1, -1);
    else {
      const [own = "", ...texts] = line.split(" ");
      const name = `${section}.${own}`;
      drafts.set(name, { name, texts, fields: new Map() });
    }
  }
  for (const { name, texts, fields } of drafts.values()) {
    const prefix = name.slice(0, name.lastIndexOf(".") + 1);
    for (const field of texts) addField(fields, field, prefix, drafts);
  }
  return drafts;
}

function addField(
  fields: Map<number, Field>,
  text: string,
  prefix: string,
  messages: ReadonlyMap<string, Message>,
): void {
  const [, number = "", name = "", named = "", mark = ""] =
    /^(\d+)=(.*):(.*?)(\[\]|\{\}|\?)?$/.exec(text) ?? [];
  const full = named.includes(".") ? named : prefix + named;
  // a type that is no message of the table is a Go type, or special
  const type = messages.get(full) ?? (SPECIAL.has(full) ? full : named);
  fields.set(Number(number), { name, type, shape: SHAPES[mark] ?? "one", keepsZero: mark === "?" });
}

const SHAPES: Readonly<Record<string, Field["shape"]>> = { "[]": "list", "{}": "map" };

/** Messages whose JSON is no object with their fields. */
export const SPECIAL: ReadonlySet<string> = new Set([
  "meta.v1.Time",
  "meta.v1.MicroTime",
  "meta.v1.FieldsV1",
  "resource.Quantity",
  "intstr.IntOrString",
  "runtime.RawExtension",
  "apiextensions.v1.JSON",
]);
