import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import { createAuthority, issueCertificate, type KeyPair } from "../../src/pki/issue.ts";
import { ENVOY, eventually, freePort, startBackend, startEnvoy, type TestEnvoy } from "./ads-envoy.ts";
import { readInput, resourcesOf } from "./desired-model.ts";

/** Sends an HTTP/1.1 request over a connection of TLS; the answer's first line, or `closed`. */
async function over(port: number, options: ConnectionOptions, name = "", path = "/"): Promise<string> {
  const host = options.host ?? "127.0.0.1";
  const alpn = ["http/1.1"];
  const socket = connectTls({ ALPNProtocols: alpn, rejectUnauthorized: false, ...options, host, port });
  return firstLine(socket, `GET ${path} HTTP/1.1\r\nhost: ${name}\r\nconnection: close\r\n\r\n`);
}

async function plain(port: number, text: string): Promise<string> {
  return firstLine(connectTcp(port, "127.0.0.1"), text);
}

async function firstLine(socket: ReturnType<typeof connectTcp>, send: string): Promise<string> {
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  socket.write(send);
  // Not once(): that takes a reset for its own failure.
  await new Promise((resolve) => socket.once("close", resolve));
  return text.split("\r\n")[0] || "closed";
}

interface Ports {
  readonly https: number;
  readonly proxied: number;
  readonly backend: number;
  readonly secure: number;
}

function document(ports: Ports, authority: KeyPair, server: KeyPair): string {
  const pem = (text: string) => JSON.stringify(text);
  const to = (destination: string, path: string) =>
    `{ name: ${destination}, match: { path: { kind: prefix, value: ${path} } }, action: { kind: forward, forward: { shares: [{ weight: 1, destination: ${destination} }] } } }`;
  return `
capabilities: { families: [IPv4, IPv6] }
proxy:
  families: [IPv4, IPv6]
  listeners:
    - name: https
      transport: TCP
      port: 443
      bindPort: ${ports.https}
      chains:
        - { name: shop, serverNames: [shop.example], tls: &tls { certificates: [server] }, serve: { kind: http, routeTable: shop } }
        - { name: wild, serverNames: ["*.wild.example"], tls: *tls, serve: { kind: http, routeTable: shop } }
        - { name: strict, serverNames: [strict.example], tls: { certificates: [server], clientTrust: ca }, serve: { kind: http, routeTable: shop } }
        - { name: lax, serverNames: [lax.example], tls: { certificates: [server], clientTrust: ca, clientCertificateOptional: true }, serve: { kind: http, routeTable: shop } }
        - { name: ended, serverNames: [ended.example], tls: *tls, serve: { kind: stream, forward: { shares: [{ weight: 1, destination: stream }] } } }
        - { name: passed, serverNames: [passed.example], serve: { kind: stream, forward: { shares: [{ weight: 1, destination: passed }] } } }
        - { name: closed, serverNames: [closed.example], serve: { kind: close } }
    - name: proxied
      transport: TCP
      port: 80
      bindPort: ${ports.proxied}
      policy: { proxyProtocol: { optional: false, trusted: ["127.0.0.0/8"] } }
      chains: [{ name: http, serve: { kind: http, routeTable: shop } }]
  routeTables:
    - name: shop
      misdirected: [strict.example]
      hosts:
        - { hostname: shop.example, rules: [${to("good", "/good")}, ${to("wrong", "/wrong")}, ${to("checked", "/checked")}] }
        - { hostname: "*", rules: [${to("plain", "/")}] }
  destinations:
    - { key: plain, target: &backend { kind: frontend, frontend: test/backend, port: 80 }, protocol: http1 }
    - { key: stream, target: *backend, protocol: stream }
    - { key: passed, target: &secure { kind: frontend, frontend: test/secure, port: 443 }, protocol: stream }
    - { key: good, target: *secure, protocol: http1, tls: { serverName: backend.example, trust: ca } }
    - { key: wrong, target: *secure, protocol: http1, tls: { serverName: other.example, trust: ca } }
    - key: checked
      target: *backend
      protocol: http1
      preferFamily: IPv6
      policy: { activeHealthCheck: { kind: tcp, interval: 100, timeout: 60000, unhealthyThreshold: 1, healthyThreshold: 1 }, panicThreshold: 0 }
  certificates: [{ name: server, certificate: ${pem(server.certificate)}, privateKey: ${pem(server.key)} }]
  trust: [{ name: ca, certificates: ${pem(authority.certificate)} }]
frontends:
  - { key: test/backend, families: [IPv4, IPv6], port: 80, backendPort: ${ports.backend}, backends: [{ addresses: { IPv4: 127.0.0.1, IPv6: "::1" } }] }
  - { key: test/secure, families: [IPv4], port: 443, backendPort: ${ports.secure}, backends: [{ addresses: { IPv4: 127.0.0.1 } }] }
`;
}

describe("TLS and what wraps connections, in Envoy", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let folder: string;
  let server: AdsServer;
  let envoy: TestEnvoy;
  let ports: Ports;
  let client: KeyPair;
  const closers: (() => void)[] = [];

  before(async () => {
    const authority = await createAuthority("test");
    const issue = (name: string, usage: "serverAuth" | "clientAuth") =>
      issueCertificate(authority, {
        commonName: name,
        subjectAltNames: [`DNS:${name}`],
        usages: [usage],
        days: 1,
      });
    client = await issue("client.example", "clientAuth");
    const pair = await issue("backend.example", "serverAuth");
    const backend = await startBackend("plain");
    const secure = createHttpsServer({ cert: pair.certificate, key: pair.key }, (_, response) => {
      response.end("secure");
    });
    secure.listen(0, "127.0.0.1");
    await once(secure, "listening");
    closers.push(
      backend.close,
      () => secure.close(),
      () => secure.closeAllConnections(),
    );
    ports = {
      https: await freePort(),
      proxied: await freePort(),
      backend: backend.port,
      secure: (secure.address() as AddressInfo).port,
    };
    folder = await mkdtemp(join(tmpdir(), "tandem-desired-"));
    const path = join(folder, "xds.sock");
    server = await startAdsServer({ listen: [{ path }], authorize: () => "infra/web" });
    server.replace("infra/web", resourcesOf(readInput(document(ports, authority, pair))));
    envoy = await startEnvoy("web", { address: { pipe: { path } } });
    // listeners that have no routes yet are told of, too
    const state = async () => (await envoy.admin("/ready")).trim();
    await eventually(state, (text) => text === "LIVE");
  });

  after(async () => {
    for (const close of closers) close();
    await envoy.stop();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("names choose the chain, over both families; connections without a known name are closed", async () => {
    for (const host of ["127.0.0.1", "::1"]) {
      const as = (servername: string) => over(ports.https, { host, servername }, servername);
      assert.equal(await as("shop.example"), "HTTP/1.1 404 Not Found");
      assert.equal(await as("a.b.wild.example"), "HTTP/1.1 200 OK");
      assert.equal(await as("unknown.example"), "closed");
      assert.equal(await as("closed.example"), "closed");
      assert.equal(await as("ended.example"), "HTTP/1.1 200 OK");
    }
  });

  test("HTTP/2 is offered first", async () => {
    const socket = connectTls({
      host: "::1",
      port: ports.https,
      servername: "shop.example",
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1", "h2"],
    });
    await once(socket, "secureConnect");
    assert.equal(socket.alpnProtocol, "h2");
    socket.destroy();
  });

  test("TLS that passes ends at the backend", async () => {
    assert.equal(await over(ports.https, { servername: "passed.example" }, "x"), "HTTP/1.1 200 OK");
  });

  test("a request for a host of another chain is misdirected", async () => {
    const answer = await over(ports.https, { servername: "shop.example" }, "strict.example");
    assert.equal(answer, "HTTP/1.1 421 Misdirected Request");
  });

  test("client certificates are demanded, or let pass as they are", async () => {
    const shown = { cert: client.certificate, key: client.key };
    const stranger = await createAuthority("stranger");
    const strange = { cert: stranger.certificate, key: stranger.key };
    const as = (servername: string, more: ConnectionOptions = {}) =>
      over(ports.https, { servername, ...more }, "any.example");
    assert.equal(await as("strict.example"), "closed");
    assert.equal(await as("strict.example", strange), "closed");
    assert.equal(await as("strict.example", shown), "HTTP/1.1 200 OK");
    assert.equal(await as("lax.example"), "HTTP/1.1 200 OK");
    assert.equal(await as("lax.example", strange), "HTTP/1.1 200 OK");
  });

  test("a backend has to show a certificate of its name", async () => {
    const shop = (path: string) => over(ports.https, { servername: "shop.example" }, "shop.example", path);
    assert.equal(await shop("/good"), "HTTP/1.1 200 OK");
    assert.equal(await shop("/wrong"), "HTTP/1.1 503 Service Unavailable");
  });

  test("the PROXY protocol is read from trusted senders, and needed", async () => {
    const request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    const header = "PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n";
    assert.equal(await plain(ports.proxied, header + request), "HTTP/1.1 200 OK");
    assert.equal(await plain(ports.proxied, request), "closed");
    const [untrusted] = [connectTcp(ports.proxied, "::1")];
    assert.equal(await firstLine(untrusted, header + request), "closed");
  });

  test("health checks ask each address: the one that fails is left out, the backend is not", async () => {
    const flags = async () =>
      (await envoy.admin("/clusters"))
        .split("\n")
        .filter((line) => /^checked::.*health_flags/.test(line))
        .sort();
    const expected = [
      `checked::127.0.0.1:${ports.backend}::health_flags::healthy`,
      `checked::[::1]:${ports.backend}::health_flags::/failed_active_hc`,
    ];
    // before its first check each is taken for one that fails
    assert.deepEqual(await eventually(flags, (lines) => lines.join() === expected.join()), expected);
    const shop = () => over(ports.https, { servername: "shop.example" }, "shop.example", "/checked");
    const answers = await Promise.all(Array.from({ length: 10 }, shop));
    assert.deepEqual([...new Set(answers)], ["HTTP/1.1 200 OK"]);
  });
});
