/** Replays recorded requests (test/oracle/api-*.json) against the objects room alone. */
import { readFileSync } from "node:fs";
import { type Answer, MiniApi, type Step, targetOf } from "./mini-api.ts";

interface Vector {
  readonly id: string;
  readonly steps: readonly (Step & { readonly expect: { status: number; body: Json; warnings?: string } })[];
}

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON of any shape
type Json = any;

/** What differs between a recorded answer and ours. */
export interface Difference {
  readonly where: string;
  readonly step: Step;
  readonly expected: string;
  readonly actual: string;
}

const TIMES = new Set(["creationTimestamp", "deletionTimestamp", "lastTransitionTime"]);

/** Masks what varies, as the recorder does, and drops managedFields, which are not this room's. */
function mask(value: Json, key = ""): Json {
  if (typeof value === "string") return maskText(value, key);
  if (typeof value === "number" && (key === "nodePort" || key === "healthCheckNodePort")) return "<port>";
  if (Array.isArray(value)) return value.map((item) => mask(item));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.keys(value)
    .filter((name) => name !== "managedFields")
    .sort()
    .map((name) => [name, mask(value[name], name)]);
  return Object.fromEntries(entries);
}

function maskText(text: string, key: string): string {
  if (key === "uid") return "<uid>";
  if (key === "resourceVersion") return text === "" || text === "0" ? text : "<rv>";
  if (TIMES.has(key) && text !== "") return "<time>";
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uid>")
    .replace(/\bgen-[a-z0-9]{5}\b/g, "gen-<random>")
    .replace(/\bfd00:10:96::[0-9a-f:]+/g, "<ipv6>")
    .replace(/\b10\.96\.\d+\.\d+\b/g, "<ipv4>")
    .replace(/\b3[0-2]\d{3}\b/g, "<port>")
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\b/g, "<time>")
    .replace(/^\d+[smh](\d+s)?$/, "<age>");
}

function tidy(answer: { status: number; body: Json; warnings?: string }): string {
  const body = mask(answer.body);
  if (body.kind === "Status" && body.details?.causes) {
    body.details.causes.sort((a: Json, b: Json) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    if (body.details.causes.length > 1) body.message = body.message?.replace(/: \[.*\]$/s, ": [<causes>]");
  }
  return JSON.stringify({ status: answer.status, warnings: answer.warnings ?? "", body });
}

function ours({ status, body, warnings }: Answer): string {
  const headers = [...new Set(warnings)].map((text) => `299 - ${JSON.stringify(text)}`).join(", ");
  return tidy({ status, body, warnings: maskText(headers, "") });
}

const NAMESPACE = "av-test-1-1";

function resolve(value: Json, answers: readonly Json[]): Json {
  if (typeof value === "string") {
    const at = (index: string, path: string) =>
      path.split(".").reduce((found: Json, key) => found?.[key], answers[Number(index)]) ?? "missing";
    return value.replace(/\{ns\}/g, NAMESPACE).replace(/\{(\d+)\.([\w.]+)\}/g, (_, i, path) => at(i, path));
  }
  if (Array.isArray(value)) return value.map((item) => resolve(item, answers));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, answers)]));
}

/** Whether a step is one that the objects room can answer by itself. */
export type Wanted = (step: Step, expect: Json) => boolean;

/**
 * Replays a file; steps that are not wanted end their vector, because later ones build on them.
 * @returns how many steps were replayed, and those whose answers differ
 */
export function replay(file: URL, wanted: Wanted): { total: number; differences: Difference[] } {
  const { vectors } = JSON.parse(readFileSync(file, "utf8")) as { vectors: Vector[] };
  const differences: Difference[] = [];
  let total = 0;
  for (const vector of vectors) {
    const api = new MiniApi();
    const answers: Json[] = [];
    for (const [index, recorded] of vector.steps.entries()) {
      const { expect, ...raw } = recorded;
      if (targetOf(raw.path) === undefined || !wanted(raw, expect)) break;
      const answer = api.handle(resolve(raw, answers));
      answers.push(answer.body);
      total++;
      const actual = ours(answer).replaceAll(NAMESPACE, "{ns}");
      const expected = tidy(expect);
      if (actual !== expected)
        differences.push({ where: `${vector.id} step ${index}`, step: raw, expected, actual });
    }
  }
  return { total, differences };
}
