/** The local balancer's configuration, as a real Envoy understands it. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { promisify } from "node:util";
import { type LocalFacts, partsOf, proxyModelOf } from "../../src/balancer/local/desired.ts";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import { createEnvoyOutput } from "../../src/envoy/desired/index.ts";
import { createAuthority, issueCertificate } from "../../src/pki/issue.ts";
import { decodeHeader } from "../../src/proxy-protocol/index.ts";
import type { BalancerModel } from "../../src/traffic/balancer/model.ts";
import { ENVOY, eventually, freePort, startEnvoy, type TestEnvoy } from "../envoy/ads-envoy.ts";
import { balancerModel, balancerPort } from "./local-model.ts";

/** A target on IPv4 only that remembers what came on each connection. */
class Target {
  /** By connection, in the order in which their first bytes came. */
  first: Buffer[] = [];
  readonly server: Server = createServer((socket) => {
    let before: Buffer | undefined;
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      const all: Buffer = before === undefined ? bytes : Buffer.concat([before, bytes]);
      if (before !== undefined && this.first.includes(before))
        this.first.splice(this.first.indexOf(before), 1, all);
      else this.first.push(all);
      before = all;
      if (bytes.includes("hello")) socket.end("bye");
    });
  });

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
}

/** At a port of its own over both families, which nobody is given while it is closed. */
async function startTarget(): Promise<Target> {
  const target = new Target();
  target.server.listen(await freePort(), "127.0.0.1");
  await once(target.server, "listening");
  return target;
}

type Decoded = Extract<ReturnType<typeof decodeHeader>, { header: unknown }>;

/** The answer to a datagram; undefined where none comes in so many milliseconds. */
async function datagram(host: string, port: number, patience = 10_000): Promise<string | undefined> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  const answer = once(socket, "message", { signal: AbortSignal.timeout(patience) });
  socket.send("ping", port, host);
  try {
    return String((await answer)[0]);
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

/** What comes back for a greeting; an empty text where the connection is closed. */
async function greet(host: string, port: number): Promise<string> {
  const socket = connect(port, host);
  let text = "";
  socket.on("data", (bytes) => (text += String(bytes)));
  socket.on("error", () => {});
  socket.write("hello");
  // not once(): that takes a reset for its own failure
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

describe("the local balancer's Envoy", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let folder: string;
  let server: AdsServer;
  let envoy: TestEnvoy;
  const refused: string[] = [];
  const output = createEnvoyOutput({ families: ["IPv4", "IPv6"] });
  const facts: LocalFacts = {
    addresses: { IPv4: "127.0.0.1", IPv6: "::1" },
    certificates: () => undefined,
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tandem-balancer-"));
    const path = join(folder, "xds.sock");
    server = await startAdsServer({ listen: [{ path }], authorize: () => "local" });
    server.onNack((nack) => refused.push(JSON.stringify(nack)));
    server.set("local", []);
    envoy = await startEnvoy("local", { address: { pipe: { path } } });
    await eventually(
      async () => server.status("local").length,
      (clients) => clients === 1,
    );
  });

  after(async () => {
    await envoy.stop();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function serve(model: BalancerModel, with_: Partial<LocalFacts> = {}): Promise<void> {
    const parts = partsOf(model, { ...facts, ...with_ });
    server.set(
      "local",
      output.update(proxyModelOf("local", [parts]), () => undefined),
    );
    await server.applied("local");
    assert.deepEqual(refused, []);
    const sockets = parts.listeners.flatMap(({ addresses = {} }) => Object.keys(addresses)).length;
    await eventually(
      async () => (await envoy.admin("/listeners")).trim().split("\n").filter(Boolean).length,
      (count) => count === sockets,
    );
  }

  const draining = async () => {
    const text = await envoy.admin("/stats?filter=listener_manager.total_listeners_draining");
    return Number(text.split(": ")[1]);
  };

  const healthOf = (name: string) =>
    eventually(
      async () => {
        const text = await envoy.admin("/clusters");
        return text
          .split("\n")
          .filter((line) => line.startsWith(`${name}::`) && line.includes("health_flags"));
      },
      (lines) => lines.length > 0 && lines.every((line) => !line.includes("pending")),
    );

  test("IPv6 and IPv4 clients reach an IPv4 target, which is told who they are", async () => {
    const target = await startTarget();
    const port = await freePort();
    const nodes = [{ name: "a", providerId: undefined, addresses: { IPv4: "127.0.0.1" }, zone: undefined }];
    const ports = [balancerPort({ port, nodePort: target.port, proxyProtocol: 2 })];
    const local = { pool: undefined, addresses: {}, proxyFields: [{ type: 0xe5, value: "tandem" }] };
    await serve(balancerModel({ nodes, ports, local }));
    for (const client of ["::1", "127.0.0.1"]) {
      target.first.length = 0;
      assert.equal(await greet(client, port), "bye");
      const spoken = target.first.find((bytes) => bytes.includes("hello")) as Buffer;
      const { header } = decodeHeader(spoken, { version: 2 }) as Decoded;
      assert.ok(header.proxied.kind === "inet", JSON.stringify(header));
      assert.equal(header.proxied.source.address, client);
      assert.deepEqual(header.proxied.destination, { address: client, port });
      assert.deepEqual(
        (header.attributes.custom ?? []).map(({ type, value }) => [type, Buffer.from(value).toString()]),
        [[0xe5, "tandem"]],
      );
    }
    target.server.close();
  });

  test("health checks say LOCAL where the PROXY protocol is spoken, and nothing of it elsewhere", async () => {
    const target = await startTarget();
    const asked: string[] = [];
    const health = createHttpServer((request, response) => {
      asked.push(request.url ?? "");
      response.end("ok");
    });
    health.listen(0, "127.0.0.1");
    await once(health, "listening");
    const port = await freePort();
    const nodes = [{ name: "a", providerId: undefined, addresses: { IPv4: "127.0.0.1" }, zone: undefined }];
    const one = balancerPort({ port, nodePort: target.port, proxyProtocol: 2 });
    await serve(
      balancerModel({ nodes, ports: [{ ...one, healthCheck: { ...one.healthCheck, protocol: "HTTP" } }] }),
    );
    const spoken = await eventually(
      async () => target.first[0],
      (bytes) => bytes !== undefined,
    );
    assert.deepEqual((decodeHeader(spoken as Buffer, { version: 2 }) as Decoded).header.proxied, {
      kind: "local",
    });
    const elsewhere = {
      ...one.healthCheck,
      protocol: "HTTP" as const,
      port: (health.address() as AddressInfo).port,
      path: "/healthz",
      intervalSeconds: 1,
    };
    await serve(
      balancerModel({ nodes, ports: [{ ...one, healthCheck: elsewhere }], externalTrafficPolicy: "Local" }),
    );
    assert.match((await healthOf(`default/web/TCP-${port}`)).join(), /health_flags::healthy/);
    assert.deepEqual([...new Set(asked)], ["/healthz"]);
    // what the earlier checks sent may still be on its way: nothing of it comes once their connections are gone
    await eventually(
      () => promisify(target.server.getConnections.bind(target.server))(),
      (connections) => connections === 0,
    );
    target.first.length = 0;
    const before = asked.length;
    await eventually(
      async () => asked.length,
      (count) => count > before,
    );
    assert.ok(asked.length > before, "checked again");
    assert.deepEqual(target.first, []);
    health.close();
    health.closeAllConnections();
    target.server.close();
  });

  test("a TCP check of a target that expects the PROXY protocol", async () => {
    const target = await startTarget();
    const port = await freePort();
    const nodes = [{ name: "a", providerId: undefined, addresses: { IPv4: "127.0.0.1" }, zone: undefined }];
    await serve(
      balancerModel({ nodes, ports: [balancerPort({ port, nodePort: target.port, proxyProtocol: 2 })] }),
    );
    assert.match((await healthOf(`default/web/TCP-${port}`)).join(), /health_flags::healthy/);
    for (const bytes of target.first)
      assert.deepEqual((decodeHeader(bytes, { version: 2 }) as Decoded).header.proxied, { kind: "local" });
    target.server.close();
  });

  test("a target that comes up late is served soon, whatever the interval", async () => {
    const target = await startTarget();
    const { port: nodePort } = target;
    target.server.close();
    await once(target.server, "close");
    const port = await freePort();
    const nodes = [{ name: "a", providerId: undefined, addresses: { IPv4: "127.0.0.1" }, zone: undefined }];
    const one = balancerPort({ port, nodePort });
    const healthCheck = { ...one.healthCheck, intervalSeconds: 300, timeoutSeconds: 60, healthyThreshold: 3 };
    await serve(balancerModel({ nodes, ports: [{ ...one, healthCheck }] }));
    const name = `default/web/TCP-${port}`;
    assert.match((await healthOf(name)).join(), /failed_active_hc/);
    target.server.listen(nodePort, "127.0.0.1");
    const later = await eventually(
      async () => (await healthOf(name)).join(),
      (lines) => lines.includes("::healthy"),
    );
    assert.match(later, /::healthy/);
    target.server.close();
  });

  test("targets of both families are spoken to over the first one, and over the other when that fails", async () => {
    const target = await startTarget();
    const port = await freePort();
    const six = createServer((socket) => socket.on("error", () => {}).end("over IPv6"));
    six.listen({ host: "::1", port: target.port, ipv6Only: true });
    await once(six, "listening");
    const addresses = { IPv4: "127.0.0.1", IPv6: "::1" };
    const nodes = [{ name: "a", providerId: undefined, addresses, zone: undefined }];
    const one = balancerPort({ port, nodePort: target.port });
    const healthCheck = { ...one.healthCheck, intervalSeconds: 1, timeoutSeconds: 60, unhealthyThreshold: 1 };
    await serve(balancerModel({ nodes, targetFamilies: ["IPv4", "IPv6"], ports: [{ ...one, healthCheck }] }));
    await healthOf(`default/web/TCP-${port}`);
    for (let count = 0; count < 6; count++) assert.equal(await greet("::1", port), "bye");
    target.server.close();
    const later = await eventually(
      () => greet("::1", port),
      (text) => text === "over IPv6",
    );
    assert.equal(later, "over IPv6");
    six.close();
  });

  test("source ranges of both families close other connections, and drop other datagrams", async () => {
    const target = await startTarget();
    const udp = createSocket("udp4");
    udp.on("message", (message, from) => udp.send(`echo ${message}`, from.port, from.address));
    udp.bind(0, "127.0.0.1");
    await once(udp, "listening");
    const port = await freePort();
    const nodes = [{ name: "a", providerId: undefined, addresses: { IPv4: "127.0.0.1" }, zone: undefined }];
    const ports = [
      balancerPort({ port, nodePort: target.port }),
      balancerPort({ name: "udp", port, protocol: "UDP", nodePort: udp.address().port }),
    ];
    await serve(balancerModel({ nodes, ports, sourceRanges: ["::1/128", "10.0.0.0/8"] }));
    await healthOf(`default/web/TCP-${port}`);
    assert.equal(await greet("::1", port), "bye");
    assert.equal(await greet("127.0.0.1", port), "");
    assert.equal(await datagram("::1", port), "echo ping");
    assert.equal(await datagram("127.0.0.1", port, 500), undefined);
    udp.close();
    target.server.close();
  });

  test("an address that comes or goes leaves connections over the other alone", async () => {
    const target = await startTarget();
    const port = await freePort();
    const nodes = [{ name: "a", providerId: undefined, addresses: { IPv4: "127.0.0.1" }, zone: undefined }];
    const model = balancerModel({ nodes, ports: [balancerPort({ port, nodePort: target.port })] });
    await serve(model, { addresses: { IPv4: "127.0.0.1" } });
    await healthOf(`default/web/TCP-${port}`);
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    const before = await draining();
    await serve(model);
    assert.equal(await greet("::1", port), "bye");
    assert.equal(await draining(), before);
    socket.write("hello");
    assert.equal(String((await once(socket, "data"))[0]), "bye");
    target.server.close();
  });

  test("a node that is no longer listed keeps the connections that it has, and gets no others", async () => {
    const [old, next] = [await startTarget(), await startTarget()];
    const port = await freePort();
    const node = { name: "a", providerId: undefined, addresses: { IPv4: "127.0.0.1" }, zone: undefined };
    const at = (target: { port: number }) =>
      balancerModel({ nodes: [node], ports: [balancerPort({ port, nodePort: target.port })] });
    await serve(at(old));
    await healthOf(`default/web/TCP-${port}`);
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("first");
    await eventually(
      async () => old.first.length,
      (count) => count > 0,
    );
    await serve(at(next));
    await eventually(
      async () => (await healthOf(`default/web/TCP-${port}`)).join(),
      (lines) => lines.includes(`:${next.port}::`) && !lines.includes(`:${old.port}::`),
    );
    next.first.length = 0;
    assert.equal(await greet("127.0.0.1", port), "bye");
    assert.ok(next.first.some((bytes) => bytes.includes("hello")));
    socket.write("hello");
    assert.equal(String((await once(socket, "data"))[0]), "bye");
    old.server.close();
    next.server.close();
  });

  test("TLS ends at the balancer with the Secret's certificate, and begins again to the targets", async () => {
    const authority = await createAuthority("clients");
    const pair = await issueCertificate(authority, {
      commonName: "web",
      subjectAltNames: ["DNS:web.test"],
      usages: ["serverAuth"],
      days: 1,
    });
    const target = createTlsServer({ cert: pair.certificate, key: pair.key }, (socket) =>
      socket.end("over TLS"),
    );
    target.on("tlsClientError", () => {});
    target.listen(0, "127.0.0.1");
    await once(target, "listening");
    const port = await freePort();
    const nodes = [{ name: "a", providerId: undefined, addresses: { IPv4: "127.0.0.1" }, zone: undefined }];
    const nodePort = (target.address() as AddressInfo).port;
    const tls = { certificates: ["default/web-tls"], alpn: "HTTP2Preferred" };
    const model = balancerModel({
      nodes,
      ports: [balancerPort({ port, nodePort, tls, tlsToTargets: true })],
    });
    await serve(model, { certificates: () => ({ certificate: pair.certificate, privateKey: pair.key }) });
    await healthOf(`default/web/TCP-${port}`);
    for (const host of ["127.0.0.1", "::1"]) {
      const options = {
        host,
        port,
        servername: "web.test",
        ca: authority.certificate,
        ALPNProtocols: ["h2"],
      };
      const socket = connectTls(options);
      let text = "";
      socket.on("data", (bytes) => (text += String(bytes)));
      await once(socket, "secureConnect");
      assert.equal(socket.alpnProtocol, "h2");
      await once(socket, "close");
      assert.equal(text, "over TLS");
    }
    const without = partsOf(model, { ...facts, certificates: () => undefined });
    assert.match(without.events[0]?.message ?? "", /Secret default\/web-tls is not there/);
    target.close();
  });
});
