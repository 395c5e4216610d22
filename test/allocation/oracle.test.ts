import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Answer, Registry } from "./registry.ts";

// Recorded answers of kube-apiserver 1.35.4 to random Services and their updates, replayed without a server.
// The masks are those of test/oracle/service-vectors.mjs, which replays the same files over HTTP.

const RANGES: Record<string, string[]> = {
  v4v6: ["10.96.0.0/16", "fd00:10:96::/112"],
  v6v4: ["fd00:10:96::/112", "10.96.0.0/16"],
  v4: ["10.96.0.0/16"],
  v6: ["fd00:10:96::/112"],
};

const FIELDS = [
  "type",
  "clusterIP",
  "clusterIPs",
  "ipFamilies",
  "ipFamilyPolicy",
  "ports",
  "healthCheckNodePort",
  "externalTrafficPolicy",
  "internalTrafficPolicy",
  "sessionAffinity",
  "allocateLoadBalancerNodePorts",
  "externalName",
];

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON
type Json = any;

interface Step {
  readonly op: "create" | "update" | "patch";
  readonly spec?: Json;
  readonly edit?: Json;
  readonly expect: Json;
}

for (const [cluster, ranges] of Object.entries(RANGES)) {
  test(`every recorded step in a cluster ${cluster} is answered as by kube-apiserver`, () => {
    const file = new URL(`../oracle/services-${cluster}.json`, import.meta.url);
    const { vectors } = JSON.parse(readFileSync(file, "utf8")) as {
      vectors: { id: string; steps: Step[] }[];
    };
    const registry = new Registry(...ranges);
    assert.ok(vectors.length > 0);
    const failures: string[] = [];
    for (const { id, steps } of vectors) {
      const answers = play(registry, id, steps);
      for (const [index, step] of steps.entries()) {
        try {
          check(`${id} step ${index}`, step, answers[index]);
        } catch (error) {
          failures.push((error as Error).message);
        }
      }
    }
    assert.equal(failures.length, 0, failures.slice(0, 3).join("\n\n"));
    assert.deepEqual([...registry.ledger.addresses.keys()], [], "addresses leak");
    assert.deepEqual([...registry.ledger.ports], [], "ports leak");
  });
}

function check(where: string, step: Step, got: Json): void {
  const request = JSON.stringify(step.spec ?? step.edit);
  if (step.expect.status === 0) {
    // The real server crashed; any clear refusal is right.
    assert.ok(got.status >= 400 && got.status < 500, `${where}: ${step.op} ${request}`);
    return;
  }
  assert.deepEqual(got, step.expect, `${where}: ${step.op} ${request}`);
}

function play(registry: Registry, id: string, steps: readonly Step[]): Json[] {
  const name = `case-${id}`;
  const literals = literalsOf(steps);
  const answers: Json[] = [];
  let current: Json;
  for (const step of steps) {
    const answer = send(registry, name, step, current);
    if (answer === undefined) break;
    if (answer.status < 300) current = answer.body;
    answers.push(masked(answer, literals));
  }
  if (current !== undefined) registry.remove(name);
  return answers;
}

function send(registry: Registry, name: string, step: Step, current: Json): Answer | undefined {
  if (step.op === "create") return registry.create(name, step.spec);
  if (current === undefined) return undefined;
  if (step.op === "patch") return registry.patch(name, { spec: asMergePatch(step.edit, current.spec) });
  const { status: _, ...body } = current;
  return registry.update(name, { ...body, spec: applyEdit(current.spec, step.edit) });
}

function applyEdit(spec: Json, edit: Json): Json {
  const out = structuredClone(spec);
  for (const [key, value] of Object.entries(edit)) {
    if (key === "$reverse") {
      // A list that the edit itself brings was reversed before it was recorded.
      if (out.ipFamilies !== edit.ipFamilies) out.ipFamilies?.reverse();
      if (out.clusterIPs !== edit.clusterIPs) out.clusterIPs?.reverse();
      if (out.clusterIPs) out.clusterIP = out.clusterIPs[0];
    } else if (key === "$truncate") {
      out.ipFamilies = out.ipFamilies?.slice(0, 1) ?? null;
      out.clusterIPs = out.clusterIPs?.slice(0, 1) ?? null;
    } else out[key] = value;
  }
  return out;
}

function asMergePatch(edit: Json, current: Json): Json {
  const patch: Json = {};
  for (const [key, value] of Object.entries(edit)) {
    if (key === "$reverse") {
      if (current.ipFamilies) patch.ipFamilies = [...current.ipFamilies].reverse();
    } else if (key === "$truncate") {
      if (current.ipFamilies) patch.ipFamilies = current.ipFamilies.slice(0, 1);
      if (current.clusterIPs) patch.clusterIPs = current.clusterIPs.slice(0, 1);
    } else patch[key] = value;
  }
  return patch;
}

function literalsOf(steps: readonly Step[]): Set<string> {
  const texts = new Set<string>();
  const walk = (value: Json): void => {
    if (typeof value === "string") texts.add(value);
    else if (value !== null && typeof value === "object") Object.values(value).forEach(walk);
  };
  for (const step of steps) walk(step.spec ?? step.edit);
  return texts;
}

function masked(answer: Answer, literals: ReadonlySet<string>): Json {
  if (answer.status >= 400) return maskedError(answer, literals);
  const spec: Json = {};
  for (const field of FIELDS) {
    const value = answer.body.spec[field];
    if (value !== undefined) spec[field] = maskedField(field, value, literals);
  }
  return { status: answer.status, spec };
}

function maskedField(field: string, value: Json, literals: ReadonlySet<string>): Json {
  const mask = (text: string): string => {
    if (text === "None" || text === "" || literals.has(text)) return text;
    return text.includes(":") ? "<ipv6>" : "<ipv4>";
  };
  if (field === "clusterIP") return mask(value);
  if (field === "clusterIPs") return value.map(mask);
  if (field === "healthCheckNodePort") return "<port>";
  if (field !== "ports") return value;
  return value.map((port: Json) => ({ ...port, ...(port.nodePort ? { nodePort: "<port>" } : {}) }));
}

function maskedError({ status, body }: Answer, literals: ReadonlySet<string>): Json {
  const causes = (body.details?.causes ?? [])
    .map((cause: Json) => ({
      field: cause.field ?? "",
      reason: cause.reason ?? "",
      message: maskedText(cause.message ?? "", literals),
    }))
    .sort((a: Json, b: Json) => (a.field + a.message < b.field + b.message ? -1 : 1));
  const message = causes.length > 0 ? {} : { message: maskedText(body.message ?? "", literals) };
  return { status, reason: body.reason, causes, ...message };
}

function maskedText(text: string, literals: ReadonlySet<string>): string {
  return text
    .replace(/fd00:10:96::[0-9a-f:]+/g, (match) => (literals.has(match) ? match : "<ipv6>"))
    .replace(/10\.96\.\d+\.\d+/g, (match) => (literals.has(match) ? match : "<ipv4>"))
    .replace(/\b3[0-2]\d{3}\b/g, "<port>")
    .replace(/(case|vec)-[0-9a-z-]+/g, "<name>");
}
