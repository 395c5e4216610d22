import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../controllers/cluster.ts";
import { ADDRESSES, type Place } from "../kernel/network.ts";
import { ENVOY } from "./ads-envoy.ts";
import { pod, policy, service } from "./mesh-texts.ts";
import { type MeshWorld, startWorld } from "./mesh-world.ts";

const OBJECTS = [
  pod("a"),
  pod("b"),
  service("echo", 10, ["IPv6", "IPv4"], "tcp-echo", "b", 9000),
  service("web", 11, ["IPv4", "IPv6"], "http-web", "b", 8081),
  service("any", 12, ["IPv4", "IPv6"], "web", "b", 8081),
  service("any-tcp", 13, ["IPv4", "IPv6"], "echo", "b", 9000),
  service("naked", 14, ["IPv4", "IPv6"], "tcp-echo", "client", 9000),
  service("naked-web", 16, ["IPv4", "IPv6"], "http-web", "client", 8081),
  service("first", 15, ["IPv4", "IPv6"], "tcp-first", "b", 9001),
].join("\n");

const VIP = (number: number) => [`10.96.0.${number}`, `fd00:10:96::${number}`];

describe("a mesh of real Envoys", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let world: MeshWorld;

  before(async () => {
    world = await startWorld(OBJECTS, ["a", "b"], ["client"]);
  });
  after(() => world?.close());

  async function stat(place: Place, pattern: RegExp): Promise<number> {
    const text = await world.admin(place, `/stats?filter=${encodeURIComponent(pattern.source)}`);
    return text.split("\n").reduce((sum, line) => sum + Number(line.split(": ")[1] ?? 0), 0);
  }

  test("nothing is refused", () => assert.deepEqual(world.refused, []));

  test("a stream by either address of a Service, over the family that is first in it", async () => {
    for (const host of VIP(10)) {
      assert.equal(
        await world.ask("a", { kind: "tcp", host, port: 80, text: "x" }),
        "hello x from b on IPv6",
      );
    }
    for (const host of VIP(13)) {
      assert.equal(
        await world.ask("a", { kind: "tcp", host, port: 80, text: "x" }),
        "hello x from b on IPv4",
      );
    }
  });

  test("it is mutual TLS between sidecars, and plain to a pod without one", async () => {
    const before = await stat("b", /^listener\..*ssl\.handshake$/);
    await world.ask("a", { kind: "tcp", host: VIP(10)[0] as string, port: 80, text: "x" });
    assert.equal(await stat("b", /^listener\..*ssl\.handshake$/), before + 1);
    for (const host of VIP(14)) {
      assert.equal(
        await world.ask("a", { kind: "tcp", host, port: 80, text: "x" }),
        "hello x from client on IPv4",
      );
    }
  });

  test("Envoy keeps statistics of the pod's own ports, and none of each Service", async () => {
    const names = (await world.admin("a", "/stats?usedonly")).split("\n");
    assert.deepEqual(
      names.filter((name) => /^(cluster|listener)\.outbound/.test(name)),
      [],
    );
    assert.ok((await world.admin("b", "/stats?filter=^cluster.inbound")).includes("upstream_cx_total"));
  });

  test("HTTP by name and by address; the server learns who asks", async () => {
    for (const [host, name] of [
      [VIP(11)[0], "web"],
      [VIP(11)[1], "web.default:80"],
      [VIP(12)[1], "any"],
      [VIP(11)[1], "[fd00:10:96::11]"],
    ] as const) {
      const answer = await world.ask("a", {
        kind: "http",
        host: host as string,
        port: 80,
        headers: { host: name },
      });
      assert.match(answer, /^200 /, `${host} ${name}: ${answer}`);
      const seen = JSON.parse(answer.slice(4)) as { name: string; headers: Record<string, string> };
      assert.equal(seen.name, "b");
      assert.equal(
        seen.headers["x-forwarded-client-cert"]?.includes("URI=spiffe://cluster.local/ns/default/sa/a"),
        true,
      );
    }
  });

  test("what only asks is sent again when its connection is reset, and what may change something is not", async () => {
    const ask = (method: string, path: string) =>
      world.ask("a", { kind: "http", host: VIP(16)[1] as string, port: 80, method, path });
    for (const method of ["GET", "HEAD", "OPTIONS"])
      assert.match(await ask(method, `/reset-once/${method}`), /^200 /, method);
    for (const method of ["POST", "DELETE", "PURGE"]) {
      assert.match(await ask(method, `/reset-once/${method}`), /^503 /, method);
      assert.match(await ask(method, `/reset-once/${method}`), /^200 /, method);
    }
    const { headers } = JSON.parse((await ask("GET", "/")).slice(4)) as { headers: object };
    assert.equal("x-envoy-retry-on" in headers, false);
  });

  test("callers without a sidecar are let in over either family", async () => {
    for (const host of Object.values(ADDRESSES.b)) {
      assert.match(
        await world.ask("client", { kind: "tcp", host, port: 9000, text: "x" }),
        /^hello x from b on/,
      );
      assert.match(await world.ask("client", { kind: "http", host, port: 8081 }), /^200 /);
    }
  });

  test("a server that speaks first is heard", async () => {
    assert.equal(await world.ask("a", { kind: "tcp", host: VIP(15)[1] as string, port: 80 }), "welcome to b");
    assert.equal(
      await world.ask("client", { kind: "tcp", host: ADDRESSES.b.IPv6, port: 9001 }),
      "welcome to b",
    );
  });

  test("whoever nobody knows is reached as if there were no mesh", async () => {
    for (const host of Object.values(ADDRESSES.client)) {
      assert.match(
        await world.ask("a", { kind: "tcp", host, port: 9000, text: "x" }),
        /^hello x from client/,
      );
    }
  });

  test("strict mutual TLS keeps callers without a sidecar out, over both families", async () => {
    const strict = policy("MeshPolicy", "strict", "selector: { matchLabels: { app: b } }, mutualTls: Strict");
    await world.apply(strict);
    for (const host of Object.values(ADDRESSES.b)) {
      const answer = await world.ask("client", { kind: "tcp", host, port: 9000, text: "x" });
      assert.match(answer, /closed|ECONNRESET/);
    }
    assert.match(
      await world.ask("a", { kind: "tcp", host: VIP(10)[1] as string, port: 80, text: "x" }),
      /^hello x/,
    );
    await world.apply(strict, "deleted");
    assert.match(
      await world.ask("client", { kind: "tcp", host: ADDRESSES.b.IPv6, port: 9000, text: "x" }),
      /^hello x/,
    );
  });

  test("a port whose mutual TLS is switched off, and on again, is reached by callers that were there before", async () => {
    const ask = (host: string) => world.ask("a", { kind: "tcp", host, port: 80, text: "x" });
    const handshakes = () => stat("b", /^listener\..*ssl\.handshake$/);
    const off = policy(
      "MeshPolicy",
      "off",
      "selector: { matchLabels: { app: b } }, mutualTls: Strict, ports: [{ port: 9000, mutualTls: Disabled }]",
    );
    await world.apply(off);
    const before = await handshakes();
    for (const host of VIP(10)) assert.match(await ask(host), /^hello x from b/);
    assert.equal(await handshakes(), before);
    await world.apply(off, "deleted");
    for (const host of VIP(10)) assert.match(await ask(host), /^hello x from b/);
    assert.equal(await handshakes(), before + 2);
  });

  test("where mutual TLS is off, nobody waits to be looked at, but for what may be HTTP", async () => {
    const timeouts = () => stat("b", /^listener\..*15006\.downstream_pre_cx_timeout$/);
    const off = (ports: string) =>
      policy("MeshPolicy", "off", `selector: { matchLabels: { app: b } }, mutualTls: Disabled${ports}`);
    await world.apply(off(""));
    const before = await timeouts();
    for (const host of Object.values(ADDRESSES.b)) {
      const answer = await world.ask("client", { kind: "tcp", host, port: 9000, text: "x" });
      assert.match(answer, /^hello x from b/);
      assert.match(await world.ask("client", { kind: "http", host, port: 8081 }), /^200 /);
    }
    for (const host of VIP(10))
      assert.match(await world.ask("a", { kind: "tcp", host, port: 80, text: "x" }), /^hello x from b/);
    assert.equal(await timeouts(), before);
    const handshakes = () => stat("b", /^listener\..*ssl\.handshake$/);
    await world.apply(off(", ports: [{ port: 9000, mutualTls: Strict }]"));
    // from now on: while no port has mutual TLS, the count goes with the last listener that had it
    const shaken = await handshakes();
    for (const host of VIP(10))
      assert.match(await world.ask("a", { kind: "tcp", host, port: 80, text: "x" }), /^hello x from b/);
    assert.ok((await handshakes()) > shaken, "a port that has mutual TLS is looked at");
    await world.apply(off(""), "deleted");
  });

  test("rules let in by identity, path, and ranges of both families", async () => {
    const rules = `rules: [
      { from: [{ identities: ["spiffe://cluster.local/ns/default/sa/a"] }], to: [{ paths: ["/open*"] }] },
      { from: [{ cidrs: ["${ADDRESSES.client.IPv6}/128"] }], to: [{ ports: [9000] }] }]`;
    const who = policy(
      "AuthorizationPolicy",
      "who",
      `selector: { matchLabels: { app: b } }, action: Allow, ${rules}`,
    );
    await world.apply(who);
    const http = (path: string) =>
      world.ask("a", { kind: "http", host: VIP(11)[1] as string, port: 80, path, headers: { host: "web" } });
    // what was connected before may go on for a while (--drain-time-s)
    await eventually(
      () => http("/shut"),
      (answer) => answer.startsWith("403 "),
    );
    assert.match(await http("/open/door"), /^200 /);
    const stream = (host: string) => world.ask("client", { kind: "tcp", host, port: 9000, text: "x" });
    assert.match(await stream(ADDRESSES.b.IPv6), /^hello x/);
    assert.match(await stream(ADDRESSES.b.IPv4), /closed|ECONNRESET/);
    await world.apply(who, "deleted");
  });

  test("where unknown destinations are blocked, known ones are reached", async () => {
    const blocked = policy(
      "MeshPolicy",
      "blocked",
      "selector: { matchLabels: { app: a } }, unknownOutbound: Blocked",
    );
    await world.apply(blocked);
    const outside = await world.ask("a", {
      kind: "tcp",
      host: ADDRESSES.outside.IPv6,
      port: 8080,
      text: "x",
    });
    assert.match(outside, /closed|ECONNRESET/);
    const http = {
      kind: "http",
      host: ADDRESSES.outside.IPv4,
      port: 80,
      headers: { host: "example.com" },
    } as const;
    assert.match(await world.ask("a", http), /^502 /);
    assert.match(
      await world.ask("a", { kind: "tcp", host: VIP(10)[0] as string, port: 80, text: "x" }),
      /^hello x/,
    );
    await world.apply(blocked, "deleted");
    assert.match(
      await world.ask("a", { kind: "tcp", host: ADDRESSES.outside.IPv6, port: 8080 }),
      /^outside /,
    );
  });

  test("changes of other Services, and new certificates, leave connections alone", async () => {
    const host = VIP(10)[1] as string;
    assert.match(await world.ask("a", { kind: "tcp", host, port: 80, text: "1", keep: "long" }), /^hello 1/);
    await world.apply(service("new", 20, ["IPv4", "IPv6"], "tcp-new", "b", 9000));
    await world.apply(service("new-web", 21, ["IPv4", "IPv6"], "http-new", "b", 8081));
    await world.renew();
    assert.match(await world.ask("a", { kind: "tcp", host, port: 80, text: "2", keep: "long" }), /^hello 2/);
    assert.equal(await stat("a", /^listener_manager\.total_listeners_draining$/), 0);
    for (const other of VIP(20)) {
      assert.match(
        await world.ask("a", { kind: "tcp", host: other, port: 80, text: "x" }),
        /^hello x from b/,
      );
    }
    assert.deepEqual(world.refused, []);
  });

  test("certificates that have ended end no connection, but let none begin; new ones are taken at once", async () => {
    const host = VIP(10)[1] as string;
    const web = {
      kind: "http",
      host: VIP(11)[0] as string,
      port: 80,
      path: "/open",
      headers: { host: "web" },
    } as const;
    const stream = (keep: string) => world.ask("a", { kind: "tcp", host, port: 80, text: "x", keep });
    assert.match(await stream("lasting"), /^hello x from b/);
    await world.renew(-0.1);
    let answer = "200";
    for (let tries = 0; tries < 10 && answer.startsWith("200"); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 6_000)); // idle connections are given up after 4 s
      answer = await world.ask("a", web);
    }
    assert.match(answer, /^503 .*remote connection failure/);
    assert.match(await stream("late"), /closed|ECONNRESET/);
    assert.match(await stream("lasting"), /^hello x from b/);
    await world.renew();
    assert.match(await world.ask("a", web), /^200 /);
    assert.match(await stream("after"), /^hello x from b/);
    assert.deepEqual(world.refused, []);
  });
});
