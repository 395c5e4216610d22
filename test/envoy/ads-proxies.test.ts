/** Streams of proxies without sockets: who waits, who is told, what is forgotten. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeltaRequest, Response } from "../../src/envoy/ads/messages.ts";
import { DELTA } from "../../src/envoy/ads/delta.ts";
import { createProxies, type Nack, type Proxies } from "../../src/envoy/ads/proxies.ts";
import { request } from "./ads-fake-client.ts";
import { make } from "./ads-stream.ts";

/** A client of a proxy that answers nothing by itself. */
function connect(proxies: Proxies, proxy = "edge") {
  const responses: Response[] = [];
  const failures: string[] = [];
  const peer = { protocol: "delta", peer: "127.0.0.1:1", connectedAt: 0 } as const;
  const receiver = proxies.connect<DeltaRequest>(
    proxy,
    { id: "envoy-1", cluster: "", userAgent: "envoy" },
    {
      protocol: DELTA,
      peer,
      write: (response) => {
        responses.push(response);
        return 1;
      },
      fail: (why) => failures.push(why),
    },
  );
  const answer = (error?: string) => {
    const last = responses.at(-1);
    assert.ok(last !== undefined);
    receiver.receive(request(last.kind, { nonce: last.nonce, ...(error !== undefined && { error }) }));
  };
  return { receiver, responses, failures, answer };
}

/** Whether a promise has come by the time that all that is due now has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  const next = new Promise((resolve) => setImmediate(resolve, pending));
  return (await Promise.race([promise, next])) !== pending;
}

test("requests that come before the configuration are answered with it", () => {
  const proxies = createProxies();
  const client = connect(proxies);
  client.receiver.receive(request("listener"));
  assert.equal(client.responses.length, 0);
  proxies.set("edge", [{ kind: "listener", name: "l", resource: make("listener", "l", "1") }]);
  assert.deepEqual(
    client.responses.map(({ resources }) => resources.map(({ name }) => name)),
    [["l"]],
  );
  proxies.close();
  client.receiver.close();
});

test("a client that asks and asks before there is a configuration is cut off", () => {
  const proxies = createProxies();
  const client = connect(proxies);
  for (let count = 0; count < 64; count++) client.receiver.receive(request("listener"));
  assert.deepEqual(client.failures, []);
  client.receiver.receive(request("listener"));
  assert.match(client.failures[0] ?? "", /too many requests/);
  client.receiver.close();
});

test("whoever waits for a configuration to be applied waits for the answer, and not for a client that has gone", async () => {
  const proxies = createProxies();
  const first = connect(proxies);
  const second = connect(proxies);
  proxies.replace("edge", [make("listener", "l", "1")]);
  for (const { receiver } of [first, second]) receiver.receive(request("listener"));
  const applied = proxies.applied("edge");
  assert.equal(await isSettled(applied), false);
  first.answer();
  assert.equal(await isSettled(applied), false, "the second has not answered");
  second.receiver.close();
  await applied;
  first.receiver.close();
});

test("a proxy that is removed keeps nobody waiting, and is forgotten with its last client", async () => {
  const proxies = createProxies();
  const client = connect(proxies);
  proxies.replace("edge", [make("listener", "l", "1")]);
  client.receiver.receive(request("listener"));
  const applied = proxies.applied("edge");
  assert.equal(await isSettled(applied), false);
  proxies.remove("edge");
  await applied;
  assert.match(client.failures[0] ?? "", /no configuration any more/);
  assert.deepEqual(proxies.keys(), ["edge"]);
  client.receiver.close();
  assert.deepEqual([proxies.keys(), proxies.counters.streams, proxies.counters.streamsOpened], [[], 0, 1]);
  proxies.replace("other", []);
  proxies.remove("other");
  assert.deepEqual(proxies.keys(), []);
});

test("a stream that has ended is written to no more", () => {
  const proxies = createProxies();
  const client = connect(proxies);
  proxies.replace("edge", []);
  client.receiver.close();
  client.receiver.receive(request("listener"));
  client.receiver.flush();
  assert.deepEqual([client.responses, proxies.status("edge")], [[], []]);
});

test("a refusal is told with the proxy and the node, until nobody wants to know", () => {
  const proxies = createProxies();
  const told: Nack[] = [];
  const stop = proxies.onNack((nack) => told.push(nack));
  const client = connect(proxies);
  proxies.replace("edge", [make("listener", "l", "1")]);
  client.receiver.receive(request("listener"));
  client.answer("Error adding/updating listener(s) l: why");
  assert.deepEqual(
    told.map(({ proxy, node, name, message }) => [proxy, node, name, message]),
    [["edge", "envoy-1", "l", "why"]],
  );
  stop();
  assert.deepEqual(proxies.counters.kinds.listener.refusedResources, 1);
  const [status] = proxies.status("edge");
  assert.equal(status?.kinds.listener.state, "refused");
  client.receiver.close();
  proxies.close();
});
