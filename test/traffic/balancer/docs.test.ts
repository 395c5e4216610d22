import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ALL_ANNOTATIONS, type AnnotationSpec } from "../../../src/traffic/balancer/index.ts";

const PAGE = join(import.meta.dirname, "../../../docs/load-balancers.md");
const START = "<!-- annotations: written by test/traffic/balancer/docs.test.ts -->\n";
const END = "<!-- /annotations -->";
const PREFIX = "service.beta.kubernetes.io/";

function row(spec: AnnotationSpec): string {
  const name = `\`${spec.key.replace(PREFIX, "")}${spec.suffix ?? ""}\``;
  const values = spec.values?.map((value) => `\`${value}\``).join(", ") ?? spec.type;
  const only = spec.concerns === "both" ? "" : ` (${spec.concerns === "aws" ? "AWS" : "local"} only)`;
  const old =
    spec.deprecated === undefined ? "" : ` Deprecated: use \`${spec.deprecated.replace(PREFIX, "")}\``;
  const meaning = spec.meaning.replaceAll("|", "\\|");
  return `| ${name} | ${values} | ${spec.default} | ${meaning}${only}.${old} |`;
}

// To write the table anew: UPDATE_GOLDEN=1
test("the page's table of annotations is that of the code", () => {
  const head = ["| Annotation | Value | Default | Meaning |", "|---|---|---|---|"];
  const table = [...head, ...ALL_ANNOTATIONS.map(row), ""].join("\n");
  const page = readFileSync(PAGE, "utf8");
  const start = page.indexOf(START) + START.length;
  const end = page.indexOf(END);
  assert.ok(start >= START.length && end >= start, "the page has the two marks");
  if (process.env["UPDATE_GOLDEN"]) writeFileSync(PAGE, page.slice(0, start) + table + page.slice(end));
  else assert.equal(page.slice(start, end), table);
});
