import type { Node } from "yaml";
import { parseKubernetesYaml } from "../schema/body.ts";
import type { FieldValidation } from "../schema/decode.ts";
import { hasDuplicateKeys } from "../schema/go-json.ts";
import { badRequest } from "../status.ts";
import { yaml } from "../yaml.ts";

/** A configuration as read, and warnings for the client. */
export interface ConfigurationText {
  readonly configuration: unknown;
  readonly warnings: readonly string[];
}

/**
 * Reads the body of an apply request: YAML, of which JSON is a part. Keys that stand twice are an error or a
 * warning, by `mode`.
 * @throws ApiError 400
 */
export function readConfiguration(text: string, mode: FieldValidation): ConfigurationText {
  const { value, isJson } = parse(text);
  const configuration = value ?? {};
  if (typeof configuration !== "object" || Array.isArray(configuration)) {
    throw undecodable(
      "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal " +
        `${goKind(configuration)} into Go value of type map[string]interface {}`,
    );
  }
  if (isDeeperThan(configuration, MAX_DEPTH)) throw undecodable("exceeded max depth");
  if (mode === "Ignore" || (isJson && !hasDuplicateKeys(text, configuration))) {
    return { configuration, warnings: [] };
  }
  const twice = keysThatStandTwice(text);
  if (twice.length === 0) return { configuration, warnings: [] };
  const lines = twice.map((line) => `  ${line}`).join("\n");
  const why = `error converting YAML to JSON: yaml: unmarshal errors:\n${lines}`;
  if (mode === "Strict") throw badRequest(`error strict decoding patch: ${why}`);
  return { configuration, warnings: [why] };
}

/** No object is nested as deep as this. */
const MAX_DEPTH = 500;

function isDeeperThan(root: unknown, limit: number): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values(value) : [],
    );
  }
  return false;
}

function parse(text: string): { readonly value: unknown; readonly isJson: boolean } {
  if (/^\s*\{/.test(text)) {
    try {
      return { value: JSON.parse(text) as unknown, isJson: true };
    } catch {
      // YAML has flow maps that look like JSON
    }
  }
  try {
    return { value: parseKubernetesYaml(text), isJson: false };
  } catch (error) {
    const line = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw undecodable(`error converting YAML to JSON: yaml: ${line}`);
  }
}

function undecodable(why: string): Error {
  return badRequest(`error decoding patch: ${why}`);
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

/** `line 3: key "a" already set in map`, for each key that stands twice in its map. */
function keysThatStandTwice(text: string): string[] {
  const { LineCounter, parseDocument } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: false, version: "1.1", lineCounter: lines });
  const result: string[] = [];
  visit(document.contents, (key, offset) => {
    result.push(`line ${lines.linePos(offset).line}: key ${JSON.stringify(key)} already set in map`);
  });
  return result;
}

function visit(node: Node | null, report: (key: string, offset: number) => void): void {
  const { isMap, isSeq } = yaml();
  if (isSeq(node)) {
    for (const item of node.items) visit(item as Node, report);
  }
  if (!isMap(node)) return;
  const seen = new Set<string>();
  for (const { key, value } of node.items) {
    const name = String(key);
    if (seen.has(name)) report(name, (key as Node).range?.[0] ?? 0);
    seen.add(name);
    visit(value as Node | null, report);
  }
}
