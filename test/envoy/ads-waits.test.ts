/** What waits for what on a stream, how long, and how much goes at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { plan } from "../../src/envoy/ads/plan.ts";
import { createStream, make } from "./ads-stream.ts";

const MIB = 1 << 20;
const large = (mib: number) => ({ bytes: new Uint8Array(mib * MIB) });
const versions = (entries: Readonly<Record<string, string>>) => new Map(Object.entries(entries));

/** A client that has a cluster with its endpoints, and a route table that names it. */
function createClient() {
  const stream = createStream([
    make("cluster", "a", "1"),
    make("endpoint", "a", "1"),
    make("route", "r", "1", { needsClusters: ["a"] }),
  ]);
  stream.receive("cluster");
  stream.accept("cluster");
  stream.receive("endpoint", { subscribe: ["a"] });
  stream.accept("endpoint");
  stream.receive("route", { subscribe: ["r"] });
  stream.accept("route");
  return stream;
}

test("more than 4 MiB go in several responses, one resource at least in each", () => {
  const stream = createStream([
    make("listener", "a", "1", large(3)),
    make("listener", "b", "1", large(5)),
    make("listener", "c", "1", large(1)),
    make("listener", "d", "1", large(2)),
  ]);
  assert.deepEqual(stream.receive("listener"), ["listener a@1"]);
  assert.deepEqual(stream.accept("listener"), ["listener b@1"]);
  assert.deepEqual(stream.accept("listener"), ["listener c@1 d@1"]);
});

test("the virtual hosts of a table go together, however large: its listener opens with the first response", () => {
  const stream = createStream([
    make("listener", "l", "1", { needsRoutes: ["t", "u"] }),
    make("route", "t", "1", { hostsApart: true }),
    make("route", "u", "1", { hostsApart: true }),
    make("virtualHost", "t/a", "1", large(3)),
    make("virtualHost", "u/a", "1", large(1)),
    make("virtualHost", "t/b", "1", large(3)),
  ]);
  stream.receive("listener");
  stream.accept("listener");
  stream.receive("route", { subscribe: ["t", "u"] });
  stream.accept("route");
  assert.deepEqual(stream.receive("virtualHost"), ["virtualHost t/a@1 t/b@1"]);
  assert.deepEqual(stream.accept("virtualHost"), ["route t@1", "virtualHost u/a@1"]);
});

test("at most 16 responses with clusters are without an answer", () => {
  const stream = createStream([]);
  stream.receive("cluster");
  stream.accept("cluster");
  assert.deepEqual(stream.set(make("cluster", "c0", "1")), ["cluster c0@1"]);
  for (let index = 1; index < 16; index++) {
    stream.set(make("cluster", `c${index}`, "1"));
    assert.deepEqual(stream.wait(250), [`cluster c${index}@1`]);
  }
  stream.set(make("cluster", "c16", "1"));
  assert.deepEqual(stream.wait(250), []);
  assert.deepEqual(stream.accept("cluster"), ["cluster c16@1"]);
});

test("for a client that asks for clusters by name nothing waits: it learns the names from routes", () => {
  const stream = createStream([
    make("listener", "l", "1", { needsRoutes: ["r"] }),
    make("route", "r", "1", { needsClusters: ["a"] }),
    make("cluster", "a", "1"),
  ]);
  stream.receive("listener", { subscribe: ["l"] });
  stream.accept("listener");
  assert.deepEqual(stream.receive("route", { subscribe: ["r"] }), ["route r@1"]);
});

test("a route waits for 15 seconds while its cluster is under way", () => {
  const stream = createClient();
  const route = make("route", "r", "2", { needsClusters: ["a", "b"] });
  assert.deepEqual(stream.set(make("cluster", "b", "1"), make("endpoint", "b", "1"), route), ["cluster b@1"]);
  assert.deepEqual(stream.receive("endpoint", { subscribe: ["b"] }), ["endpoint b@1"]);
  assert.deepEqual(stream.wait(5_000), []);
  assert.deepEqual(stream.wait(9_999), []);
  assert.deepEqual(stream.wait(1), ["route r@2"]);
});

test("a cluster with its endpoints counts as ready a second after it was sent, without an answer", () => {
  const stream = createClient();
  const route = make("route", "r", "2", { needsClusters: ["b"] });
  stream.set(make("cluster", "b", "1"), make("endpoint", "b", "1"), route);
  stream.receive("endpoint", { subscribe: ["b"] });
  assert.deepEqual(stream.accept("endpoint"), []);
  assert.equal(plan(stream.view, 0).wakeAt, 1_000);
  assert.deepEqual(stream.wait(999), []);
  assert.deepEqual(stream.wait(1), ["route r@2"]);
});

test("a route waits for the certificates of its cluster", () => {
  const stream = createClient();
  stream.receive("secret", { subscribe: ["s"] });
  stream.accept("secret");
  const cluster = make("cluster", "b", "1", { needsRoutes: ["s"] });
  const route = make("route", "r", "2", { needsClusters: ["b"] });
  assert.deepEqual(stream.set(cluster, make("secret", "s", "1"), route), ["cluster b@1", "secret s@1"]);
  const [cds = "", secret = ""] = stream.nonces.slice(-2);
  assert.deepEqual(stream.receive("cluster", { nonce: cds }), []);
  assert.deepEqual(stream.receive("secret", { nonce: secret }), ["route r@2"]);
});

test("endpoints stay as long as a client has their cluster, and go with it", () => {
  const stream = createClient();
  const gone = [
    { kind: "cluster", name: "a" },
    { kind: "endpoint", name: "a" },
  ] as const;
  assert.deepEqual(stream.set(make("route", "r", "2"), ...gone), ["route r@2"]);
  assert.deepEqual(stream.accept("route"), ["cluster -a"]);
  assert.deepEqual(stream.accept("cluster"), []);
});

test("a certificate goes after the listener that named it was replaced", () => {
  const stream = createStream([make("listener", "l", "1", { needsRoutes: ["s"] }), make("secret", "s", "1")]);
  stream.receive("cluster");
  stream.accept("cluster");
  stream.receive("listener");
  stream.accept("listener");
  stream.receive("secret", { subscribe: ["s"] });
  stream.accept("secret");
  assert.deepEqual(stream.set(make("listener", "l", "2"), { kind: "secret", name: "s" }), ["listener l@2"]);
  assert.deepEqual(stream.accept("listener"), ["secret -s"]);
});

test("a listener goes together with the one that takes its port, once the clusters of that one are there", () => {
  const stream = createStream([make("listener", "old", "1")]);
  stream.receive("cluster");
  stream.accept("cluster");
  stream.receive("listener");
  stream.accept("listener");
  const next = make("listener", "new", "1", { needsClusters: ["b"] });
  const gone = { kind: "listener", name: "old" } as const;
  assert.deepEqual(stream.set(make("cluster", "b", "1"), next, gone), ["cluster b@1"]);
  assert.deepEqual(stream.accept("cluster"), ["listener new@1 -old"]);
});

test("a listener that was refused is removed when nobody wants it any more: Envoy tells of it until then", () => {
  const stream = createStream([make("listener", "bad", "1")]);
  stream.receive("listener");
  const error = "Error adding/updating listener(s) bad: why";
  assert.deepEqual(stream.receive("listener", { nonce: stream.nonces.at(-1) ?? "", error }), []);
  assert.deepEqual(stream.set({ kind: "listener", name: "bad" }), ["listener -bad"]);
});

test("what a client that comes back says nothing of is taken as unused after five seconds", () => {
  const stream = createStream([]);
  stream.receive("listener", { initialVersions: versions({}) });
  stream.accept("listener");
  assert.deepEqual(stream.receive("cluster", { initialVersions: versions({ gone: "1" }) }), []);
  assert.equal(plan(stream.view, 0).wakeAt, 5_000);
  assert.deepEqual(stream.wait(4_999), []);
  assert.deepEqual(stream.wait(1), ["cluster -gone"]);
});

test("where the version that waits has lost its cluster, the next one waits in its place", () => {
  const stream = createClient();
  const route = (version: string, cluster: string) =>
    make("route", "r", version, { needsClusters: [cluster] });
  stream.set(make("cluster", "b", "1"), route("2", "b"));
  assert.deepEqual(
    stream.set({ kind: "cluster", name: "b" }, route("3", "c"), make("cluster", "c", "1")),
    [],
  );
  assert.deepEqual(stream.accept("cluster"), ["cluster c@1 -b"]);
  assert.deepEqual(stream.set(route("4", "d"), make("cluster", "d", "1")), []);
  assert.deepEqual(stream.accept("cluster"), ["cluster d@1", "route r@3"]);
});

test("a cluster stays while a version that is still to be sent names it", () => {
  const stream = createClient();
  stream.receive("endpoint", { subscribe: ["b"] });
  stream.accept("endpoint");
  stream.set(make("cluster", "b", "1"), make("endpoint", "b", "1"));
  const [cds = "", eds = ""] = stream.nonces.slice(-2);
  stream.receive("cluster", { nonce: cds });
  stream.receive("endpoint", { nonce: eds });
  stream.set(make("cluster", "c", "1"), make("route", "r", "2", { needsClusters: ["b", "c"] }));
  const gone = [
    { kind: "cluster", name: "b" },
    { kind: "endpoint", name: "b" },
  ] as const;
  const next = make("route", "r", "3", { needsClusters: ["d"] });
  assert.deepEqual(stream.set(...gone, next, make("cluster", "d", "1")), []);
  assert.deepEqual(stream.accept("cluster"), ["cluster d@1", "route r@2"]);
  const [other = "", rds = ""] = stream.nonces.slice(-2);
  assert.deepEqual(stream.receive("cluster", { nonce: other }), []);
  assert.deepEqual(stream.receive("route", { nonce: rds }), ["route r@3"]);
  assert.deepEqual(stream.accept("route"), ["cluster -b"]);
});
