import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseCidr } from "../../src/ip/cidr.ts";
import { type Answer, startTestServer, type TestClient } from "./harness.ts";

// Answers of kube-apiserver 1.35.4 to random Services with any of their fields: two at a time, so that they ask for each
// other's ports and addresses; written, patched in two ways, tried on dry run, given a status and deleted. Warnings
// and whole messages count.

const V4 = "10.96.0.0/16";
const V6 = "fd00:10:96::/112";
const CLUSTERS: Record<string, readonly string[]> = { v4v6: [V4, V6], v6v4: [V6, V4], v4: [V4], v6: [V6] };
const BASE = "/api/v1/namespaces/default/services";

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON
type Json = any;

interface Step {
  readonly op: string;
  readonly name: string;
  readonly spec?: Json;
  readonly edit?: Json;
  readonly status?: Json;
  readonly annotations?: Json;
  readonly expect: Json;
}

interface Vector {
  readonly cluster: string;
  readonly id: string;
  readonly steps: readonly Step[];
}

const file = new URL("../oracle/services-wide.json", import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, "utf8")) as { vectors: Vector[] };

/** What both servers choose freely, masked as the recorder does; what a request names itself stays. */
function maskOf(prefix: string, steps: readonly Step[]): (value: Json, key?: string) => Json {
  const named = new Set<unknown>();
  const collect = (value: Json): void => {
    if (value !== null && typeof value === "object") Object.values(value).forEach(collect);
    else named.add(value);
  };
  for (const { spec, edit, status } of steps) collect([spec, edit, status]);
  const keep = (mask: string) => (found: string) =>
    named.has(found) || named.has(Number(found)) || found === "30000" || found === "32767" ? found : mask;
  const text = (value: string) =>
    value
      .replace(/fd00:10:96::[0-9a-f:]*/g, keep("<ipv6>"))
      .replace(/10\.96\.\d+\.\d+/g, keep("<ipv4>"))
      .replace(/\b3[0-2]\d{3}\b/g, keep("<port>"))
      .replaceAll(prefix, "N");
  const hidden = new Set(["uid", "resourceVersion", "creationTimestamp", "managedFields"]);
  const mask = (value: Json, key = ""): Json => {
    if (typeof value === "string") return text(value);
    if (/nodePort/i.test(key) && typeof value === "number") return named.has(value) ? value : "<port>";
    if (Array.isArray(value)) return value.map((item) => mask(item));
    if (value === null || typeof value !== "object") return value;
    const entries = Object.entries(value).filter(([name, item]) => !hidden.has(name) && item !== undefined);
    return Object.fromEntries(entries.map(([name, item]) => [name, mask(item, name)]));
  };
  return mask;
}

/** The stored object with some fields of its spec replaced, and those that are null removed. */
function edited(current: Json, edit: Json): Json {
  const entries = Object.entries({ ...current.spec, ...edit }).filter(([, value]) => value !== null);
  return { ...current, spec: Object.fromEntries(entries) };
}

function send(client: TestClient, step: Step, name: string, current: Json): Promise<Answer> {
  const { op, spec, edit, status, annotations } = step;
  const path = `${BASE}/${name}`;
  const whole = { apiVersion: "v1", kind: "Service", metadata: { name, annotations }, spec };
  switch (op) {
    case "create":
      return client.post(BASE, whole);
    case "dry-create":
      return client.post(`${BASE}?dryRun=All`, whole);
    case "replace":
      return client.put(path, whole);
    case "update":
      return client.put(path, edited(current, edit));
    case "dry-update":
      return client.put(`${path}?dryRun=All`, edited(current, edit));
    case "patch":
      return client.patch(path, { spec: edit });
    case "strategic":
      return client.patch(path, { spec: edit }, "application/strategic-merge-patch+json");
    case "status":
      return client.patch(`${path}/status`, { status, ...(edit && { spec: edit }) });
    default:
      return client.delete(path);
  }
}

function told(op: string, { status, headers, body }: Answer): Json {
  const warnings = headers["warning"];
  const shown =
    status < 300 && op !== "delete"
      ? { metadata: body.metadata, spec: body.spec, status: body.status }
      : { reason: body.reason, message: body.message, causes: body.details?.causes };
  return { body: shown, status, ...(warnings && { warnings: String(warnings) }) };
}

async function play(client: TestClient, { id, steps }: Vector): Promise<void> {
  const prefix = `wide-${id}`;
  const mask = maskOf(prefix, steps);
  const current = new Map<string, Json>();
  for (const [index, step] of steps.entries()) {
    if (step.expect.skipped) continue;
    const name = `${prefix}-${step.name}`;
    const answer = await send(client, step, name, current.get(name));
    const asked = JSON.stringify(step.spec ?? step.edit ?? step.status);
    assert.deepEqual(
      mask(told(step.op, answer)),
      mask(step.expect),
      `${id} step ${index}: ${step.op} ${asked}`,
    );
    if (answer.status >= 300 || step.op.startsWith("dry")) continue;
    if (step.op === "delete") current.delete(name);
    else current.set(name, answer.body);
  }
  for (const name of current.keys()) await client.delete(`${BASE}/${name}`);
}

for (const [cluster, ranges] of Object.entries(CLUSTERS)) {
  test(`a ${cluster} cluster answers requests with any field of Services as kube-apiserver did`, async () => {
    const { client, undo } = await startTestServer({
      serviceClusterIPRanges: ranges.map((range) => parseCidr(range)!),
    });
    try {
      const own = vectors.filter((vector) => vector.cluster === cluster);
      assert.ok(own.length >= 30);
      for (const vector of own) await play(client, vector);
    } finally {
      await undo();
    }
  });
}
