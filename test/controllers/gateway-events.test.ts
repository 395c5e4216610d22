import assert from "node:assert/strict";
import { test } from "node:test";
import { RefusalNews } from "../../src/cli/gateway/refusal-news.ts";
import { newsOf } from "../../src/controllers/gateway/condition-news.ts";
import { installDefinitions } from "../../src/cli/gateway/definitions.ts";
import { type News, StatusEvents, StatusWriter } from "../../src/controllers/gateway/index.ts";
import { EventRecorder } from "../../src/controllers/runtime/events.ts";
import { GATEWAY_KINDS, type Gateway } from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Condition, KubeEvent, KubeObject } from "../../src/objects/types.ts";
import { eventually, itemsOf, startCluster } from "./cluster.ts";

const OURS = "tandem.dev/gateway-controller";

const is = (type: string, status: string, reason: string, message = ""): Condition => ({
  ...{ type, status, reason, message, lastTransitionTime: "2026-01-01T00:00:00Z" },
});
const news = (before: object | undefined, after: object): string[] =>
  newsOf(before as never, after as never, OURS).map(({ type, reason, message }) =>
    [type, reason, message].join("|"),
  );

const WELL = [is("Accepted", "True", "Accepted"), is("Programmed", "True", "Programmed")];

test("a status that is well, or waits for the control plane, is no news", () => {
  assert.deepEqual(news(undefined, { conditions: WELL }), []);
  const pending = [is("Accepted", "True", "Accepted"), is("Programmed", "False", "Pending", "waiting")];
  assert.deepEqual(news(undefined, { conditions: pending }), []);
  assert.deepEqual(news({ conditions: [is("Programmed", "Unknown", "Pending")] }, { conditions: WELL }), []);
});

test("what does not hold any more is told once, what it says anew once more, and that it holds again", () => {
  const bad = (message: string) => ({ conditions: [is("Accepted", "False", "UnsupportedAddress", message)] });
  const told = "Warning|UnsupportedAddress|Accepted is False: no such type";
  assert.deepEqual(news({ conditions: WELL }, bad("no such type")), [told]);
  assert.deepEqual(news(bad("no such type"), bad("no such type")), []);
  assert.deepEqual(news(bad("no such type"), bad("another")), [
    "Warning|UnsupportedAddress|Accepted is False: another",
  ]);
  assert.deepEqual(news(bad("another"), { conditions: WELL }), ["Normal|Accepted|Accepted is True"]);
});

test("one cause is told once: by the listener, not by its other conditions, nor by the Gateway", () => {
  const why = "Secret shop/cert does not exist";
  const ill = {
    conditions: [
      ...WELL,
      is("ResolvedRefs", "False", "ListenersNotResolved", `https: ${why}; http: ${why}`),
      is("tandem.dev/DualStack", "False", "SingleStack", "no IPv6"),
    ],
    listeners: ["https", "http"].map((name) => ({
      name,
      conditions: [
        is("Accepted", "True", "Accepted"),
        is("Conflicted", "False", "NoConflicts"),
        is("Programmed", "False", "Invalid", why),
        is("ResolvedRefs", "False", "InvalidCertificateRef", why),
      ],
    })),
  };
  assert.deepEqual(news({ conditions: WELL }, ill), [
    `Warning|InvalidCertificateRef|listener https: ResolvedRefs is False: ${why}`,
    `Warning|InvalidCertificateRef|listener http: ResolvedRefs is False: ${why}`,
  ]);
  const mended = {
    conditions: WELL,
    listeners: [{ name: "https", conditions: [...WELL, is("ResolvedRefs", "True", "ResolvedRefs")] }],
  };
  // the other listener is gone, which is no news
  assert.deepEqual(news(ill, mended), ["Normal|ResolvedRefs|listener https: ResolvedRefs is True"]);
});

test("a new Gateway without proxies or addresses is usual; one that loses them is not", () => {
  const none = { conditions: [WELL[0]!, is("Programmed", "False", "NoResources", "no proxy is ready")] };
  const message = "NoResources|Programmed is False: no proxy is ready";
  assert.deepEqual(news(undefined, none), [`Normal|${message}`]);
  assert.deepEqual(news({ conditions: WELL }, none), [`Warning|${message}`]);
});

test("a route says of which parent it speaks, and nothing for other controllers", () => {
  const entry = (controllerName: string, ...conditions: Condition[]) => {
    const parentRef = { name: "edge", namespace: "shop", sectionName: "https", port: 443 };
    return { controllerName, parentRef, conditions };
  };
  const missing = is("ResolvedRefs", "False", "BackendNotFound", "Service shop/web does not exist");
  const part = is("PartiallyInvalid", "True", "UnsupportedValue", "rule 2 is left out");
  const before = { parents: [entry(OURS, ...WELL), entry("other", ...WELL)] };
  const ill = { parents: [entry(OURS, WELL[0]!, missing, part), entry("other", missing)] };
  assert.deepEqual(news(before, ill), [
    "Warning|BackendNotFound|Gateway shop/edge, section https, port 443: ResolvedRefs is False: Service shop/web does not exist",
    "Warning|UnsupportedValue|Gateway shop/edge, section https, port 443: PartiallyInvalid is True: rule 2 is left out",
  ]);
  const well = { parents: [entry(OURS, WELL[0]!, is("ResolvedRefs", "True", "ResolvedRefs"))] };
  assert.deepEqual(news(ill, well), [
    "Normal|ResolvedRefs|Gateway shop/edge, section https, port 443: ResolvedRefs is True",
    "Normal|PartiallyInvalid|Gateway shop/edge, section https, port 443: PartiallyInvalid is no longer True",
  ]);
});

test("a Gateway is told what its proxies refuse, once, and when they do not any more", () => {
  const refusals = new RefusalNews();
  const set = (...told: [string, string][]) =>
    refusals
      .set(
        "shop/edge",
        told.map(([origin, message]) => ({ origins: [origin], message })),
      )
      .map(({ type, message }) => `${type}|${message}`);
  const text =
    "Warning|a proxy refuses what follows from HTTPRoute shop/web, and goes on with what it had: bad regex";
  assert.deepEqual(
    set(["HTTPRoute/shop/web#rules[0]", "bad regex"], ["HTTPRoute/shop/web#rules[1]", "worse"]),
    [text],
  );
  assert.deepEqual(set(["HTTPRoute/shop/web#rules[0]", "bad regex"]), []);
  assert.deepEqual(set(["Gateway/shop/edge#http", "its listener says so"]), [
    "Normal|no proxy refuses what follows from HTTPRoute shop/web any more",
  ]);
  assert.deepEqual(set(), []);
});

test("an object that is never at rest is told of less and less, and others as before", () => {
  const told: string[] = [];
  const recorder = {
    record: (...[source, object, , , message]: [string, KubeObject, string, string, string]) =>
      void told.push(`${source} ${object.metadata.name} ${message.length}`),
  };
  let now = 0;
  const events = new StatusEvents(recorder as never, "tandem-gateway", () => now);
  const object = (name: string) =>
    ({ apiVersion: "v1", kind: "X", metadata: { name, uid: name } }) as unknown as KubeObject;
  const one: News = { type: "Warning", reason: "Invalid", message: "x".repeat(3_000) };
  for (let count = 0; count < 100; count++) events.tell(object("a"), [one]);
  assert.deepEqual([told.length, told[0]], [25, "tandem-gateway a 1024"]);
  events.tell(object("b"), [one]);
  assert.equal(told.length, 26);
  now += 300_000;
  events.tell(object("a"), [one, one]);
  assert.equal(told.length, 27);
});

test("no more Events are written at once than a recorder holds", async () => {
  const ends: (() => void)[] = [];
  const client = { create: () => new Promise<void>((resolve) => ends.push(resolve)) }; // a fake that is told when
  const recorder = new EventRecorder(client as never);
  const object = { apiVersion: "v1", kind: "X", metadata: { name: "a", uid: "a" } } as unknown as KubeObject;
  for (let count = 0; count < 1_200; count++) recorder.record("x", object, "Normal", "Told", String(count));
  assert.equal(ends.length, 1_000);
  for (const end of ends.splice(0)) end();
  await recorder.flush();
  recorder.record("x", object, "Normal", "Told", "once more");
  assert.equal(ends.length, 1);
});

test("Events follow a status that was written, and only while this process writes", async () => {
  const cluster = await startCluster();
  try {
    const { client } = cluster;
    await installDefinitions(client);
    const metadata = { name: "edge", namespace: "default" };
    const listeners = [{ name: "http", port: 80, protocol: "HTTP" }];
    const gateway = await client.create<Gateway>(GATEWAY_KINDS.Gateway, {
      metadata,
      spec: { gatewayClassName: "tandem", listeners },
    });
    const recorder = new EventRecorder(client);
    const events = new StatusEvents(recorder, "tandem-gateway");
    let cached: KubeObject = gateway;
    const writer = new StatusWriter({
      client,
      controllerName: OURS,
      current: () => cached,
      tell: (object, told) => events.tell(object, told),
    });
    const bad = is("Accepted", "False", "UnsupportedAddress", "no such type");
    const wish = (condition: Condition) => [
      { kind: GATEWAY_KINDS.Gateway, key: "default/edge", status: { conditions: [condition] } },
    ];
    writer.set(wish(bad));
    await writer.pause();
    await recorder.flush();
    const ask = () => itemsOf<KubeEvent>(client, KINDS.Event, "default");
    assert.deepEqual(await ask(), []);
    writer.start();
    const [event] = await eventually(ask, (all) => all.length > 0);
    assert.deepEqual(
      [event?.type, event?.reason, event?.message, event?.involvedObject.uid],
      ["Warning", "UnsupportedAddress", "Accepted is False: no such type", gateway.metadata.uid],
    );
    cached = await client.get<Gateway>(GATEWAY_KINDS.Gateway, "edge", "default");
    writer.set(wish(bad));
    writer.set(wish(is("Accepted", "True", "Accepted")));
    const both = await eventually(ask, (all) => all.length > 1);
    assert.deepEqual(both.map(({ message }) => message).sort(), [
      "Accepted is False: no such type",
      "Accepted is True",
    ]);
    await writer.stop();
  } finally {
    await cluster.close();
  }
});
