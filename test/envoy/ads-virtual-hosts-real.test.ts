import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Nack, startAdsServer } from "../../src/envoy/ads/index.ts";
import type { Resource } from "../../src/envoy/resources.ts";
import { ENVOY, eventually, freePort, startBackend, startEnvoy } from "./ads-envoy.ts";
import { changeTo, cluster, endpoint, listener, tableApart, virtualHost } from "./ads-resources.ts";

const REAL = { skip: ENVOY === undefined ? "Envoy is not set up" : false };
const BAD = { match: { safe_regex: { regex: "((" } } };
const HOSTS = ["a.test", "b.test", "*.wild.test", "*"];

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tandem-ads-"));
});
after(() => rm(folder, { recursive: true, force: true }));

/** The status of a request for a host, or why there is none. */
function ask(port: number, host: string): Promise<string> {
  return new Promise((resolve) => {
    const call = request({ host: "127.0.0.1", port, headers: { host, connection: "close" } }, (response) => {
      response.resume().once("end", () => resolve(String(response.statusCode)));
    });
    call.once("error", (error) => resolve(error.message)).end();
  });
}

/** A server on a unix socket, an Envoy on it, one listener with a table of four hosts and one with none. */
async function setUp(name: string, more: readonly Resource[] = []) {
  const path = join(folder, `${name}.sock`);
  const nacks: Nack[] = [];
  const start = async () => {
    const server = await startAdsServer({ listen: [{ path }], authorize: ({ nodeId }) => nodeId });
    server.onNack((nack) => nacks.push(nack));
    return server;
  };
  const backend = await startBackend("one");
  const [port, other] = [await freePort(), await freePort()];
  const first = [
    cluster("one"),
    endpoint("one", backend.port),
    listener("web", port, "web"),
    tableApart("web"),
    ...HOSTS.map((host) => virtualHost("web", host, "one")),
    ...more,
  ];
  const server = await start();
  server.replace(name, first);
  const launch = () => startEnvoy(name, { address: { pipe: { path } } });
  const envoy = await launch();
  const untilServed = (host = "a.test") =>
    eventually(
      () => ask(port, host),
      (answer) => answer === "200",
    );
  assert.equal(await untilServed(), "200");
  return { server, start, first, envoy, launch, port, other, nacks, untilServed, close: backend.close };
}

test("hosts come and go one by one, and a listener that comes later gets its own", REAL, async () => {
  const { server, envoy, port, other, close } = await setUp("hosts");
  try {
    for (const host of ["a.test", "x.wild.test", "any.test"]) assert.equal(await ask(port, host), "200");
    server.set("hosts", [
      { kind: "virtualHost", name: "web/*" },
      ...changeTo(virtualHost("web", "new.test", "one")),
    ]);
    await server.applied("hosts");
    assert.deepEqual([await ask(port, "any.test"), await ask(port, "new.test")], ["404", "200"]);
    server.set(
      "hosts",
      changeTo(listener("late", other, "late"), tableApart("late"), virtualHost("late", "a.test", "one")),
    );
    await server.applied("hosts");
    const served = await eventually(
      () => ask(other, "a.test"),
      (answer) => answer === "200",
    );
    assert.equal(served, "200");
    assert.equal(await ask(other, "b.test"), "404");
    const { resourcesSent, removalsSent } = server.counters.kinds.virtualHost;
    assert.deepEqual([resourcesSent, removalsSent], [HOSTS.length + 2, 1]);
  } finally {
    await envoy.stop();
    await server.close();
    close();
  }
});

test("a refused host is the only one that suffers, and names what it came from", REAL, async () => {
  const bad = virtualHost("web", "bad.test", "one", BAD);
  const { server, envoy, launch, port, nacks, untilServed, close } = await setUp("refused", [bad]);
  let next = envoy;
  try {
    await server.applied("refused");
    const told = () => nacks.map(({ kind, name, origins }) => [kind, name, ...origins]);
    assert.deepEqual(told(), [["virtualHost", "web/bad.test", "HTTPRoute/default/bad.test"]]);
    for (const host of ["b.test", "x.wild.test", "any.test"]) assert.equal(await ask(port, host), "200");
    server.set(
      "refused",
      changeTo(virtualHost("web", "b.test", "one", BAD), virtualHost("web", "c.test", "one")),
    );
    await server.applied("refused");
    assert.deepEqual(told().at(-1), ["virtualHost", "web/b.test", "HTTPRoute/default/b.test"]);
    assert.deepEqual(
      [await ask(port, "b.test"), await ask(port, "c.test")],
      ["200", "200"],
      "the earlier one serves",
    );
    await envoy.stop();
    next = await launch();
    assert.equal(await untilServed("c.test"), "200");
    server.set("refused", changeTo(virtualHost("web", "d.test", "one", { route: undefined })));
    await server.applied("refused");
    assert.match(
      nacks.at(-1)?.message ?? "",
      /^Proto constraint validation failed .*"action", reason: is required/,
    );
    server.set(
      "refused",
      changeTo(virtualHost("web", "b.test", "one"), virtualHost("web", "bad.test", "one")),
    );
    assert.equal(await untilServed("bad.test"), "200");
  } finally {
    await next.stop();
    await server.close();
    close();
  }
});

test("a restarted control plane sends the difference only, while Envoy serves on", REAL, async () => {
  const { server, start, first, envoy, port, close } = await setUp("restart");
  await server.close();
  const next = await start();
  try {
    assert.equal(await ask(port, "a.test"), "200");
    const changed = virtualHost("web", "b.test", "one", {
      direct_response: { status: 418 },
      route: undefined,
    });
    const rest = first.filter(({ name }) => name !== "web/b.test" && name !== "web/*");
    next.replace("restart", [...rest, changed]);
    const answer = await eventually(
      () => ask(port, "b.test"),
      (text) => text === "418",
    );
    assert.equal(answer, "418");
    await next.applied("restart");
    assert.deepEqual([await ask(port, "a.test"), await ask(port, "any.test")], ["200", "404"]);
    const { kinds } = next.counters;
    const sent = Object.values(kinds).map(({ resourcesSent, removalsSent }) => resourcesSent + removalsSent);
    assert.deepEqual(sent, [0, 0, 0, 0, 0, 0, 2]);
  } finally {
    await envoy.stop();
    await next.close();
    close();
  }
});
