import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { closest } from "../errors/closest.ts";
import { yaml } from "../objects/yaml.ts";

/** The formats of `-o`. */
export const OUTPUTS = ["table", "wide", "json", "yaml"] as const;
/** A format of outputs. */
export type Output = (typeof OUTPUTS)[number];

/** Reads the value of `-o`. @throws UserError for a format that is not known */
export function parseOutput(text: string): Output {
  const output = OUTPUTS.find((known) => known === text);
  if (output !== undefined) return output;
  throw new UserError({
    what: "cannot print",
    where: `flag -o, value ${JSON.stringify(text)}`,
    why: `the formats are ${OUTPUTS.join(", ")}`,
    next: `for example -o ${closest(text, OUTPUTS) ?? "wide"}`,
    exitCode: EXIT.usage,
  });
}

/** Data as text: json and yaml as they are, tables by the given printer. */
export function render<T>(data: T, output: Output, table: (data: T, wide: boolean) => string): string {
  switch (output) {
    case "json":
      return JSON.stringify(data, null, 2);
    case "yaml":
      return yaml().stringify(data).trimEnd();
    case "table":
      return table(data, false);
    case "wide":
      return table(data, true);
  }
}

/** A text that a terminal shows as it is: what it would obey (escapes, NUL) is replaced; it may come from a file. */
export function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(/[^\P{Cc}\n\t]/gu, "\uFFFD");
}

/** Prints objects as YAML documents that kubectl takes, each without references to parts of itself. */
export function printManifests(objects: readonly object[]): void {
  const documents = objects.map((object) => yaml().stringify(object, { aliasDuplicateObjects: false }));
  process.stdout.write(documents.join("---\n"));
}

/** Rows as columns of equal width, two spaces apart; the first row is the header. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  const padded = (cell: string, column: number): string => cell.padEnd(widths[column] ?? 0);
  return rows.map((row) => row.map(padded).join("  ").trimEnd()).join("\n");
}
