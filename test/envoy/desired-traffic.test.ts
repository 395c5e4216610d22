import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import { createEnvoyOutput } from "../../src/envoy/desired/index.ts";
import { ENVOY, eventually, freePort, startEnvoy, type TestEnvoy } from "./ads-envoy.ts";
import { type Input, readInput } from "./desired-model.ts";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** What the backend saw. */
  readonly seen: { readonly path: string; readonly headers: IncomingHttpHeaders };
}

/** Requests for paths with `breaks`: the connection of the first of each breaks without an answer. */
const broken: string[] = [];

/** An HTTP server on one loopback address that says what it sees. */
async function startEcho(host: string, port: number): Promise<{ port: number; close(): void }> {
  const server = createServer((asked, response) => {
    const { url = "", method = "" } = asked;
    if (url.includes("breaks")) {
      broken.push(`${method} ${url}`);
      if (broken.filter((one) => one === `${method} ${url}`).length === 1) {
        asked.socket.destroy();
        return;
      }
    }
    response.setHeader("x-family", host.includes(":") ? "IPv6" : "IPv4");
    response.end(JSON.stringify({ path: asked.url, headers: asked.headers }));
  });
  server.keepAliveTimeout = 0; // Envoy may use a connection again whenever it likes
  server.listen(port, host);
  await once(server, "listening");
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

async function ask(
  port: number,
  path: string,
  options: { host?: string; method?: string; headers?: Record<string, string>; to?: string } = {},
): Promise<Answer> {
  const asked = request({
    host: options.to ?? "127.0.0.1",
    port,
    path,
    method: options.method ?? "GET",
    agent: false,
    headers: { host: options.host ?? "shop.example", ...options.headers },
  });
  asked.end();
  const [response] = (await once(asked, "response")) as [import("node:http").IncomingMessage];
  let body = "";
  for await (const chunk of response) body += String(chunk);
  const seen = body.startsWith("{") ? JSON.parse(body) : { path: "", headers: {} };
  return { status: response.statusCode ?? 0, headers: response.headers, seen };
}

/** How a connection that says nothing ends, or what it gets. */
async function connection(port: number, host: string): Promise<string> {
  const socket = connect({ port, host });
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  socket.on("error", () => {});
  await Promise.race([once(socket, "close"), once(socket, "data")]);
  socket.destroy();
  return text === "" ? "closed" : text;
}

async function datagram(
  port: number,
  family: "udp4" | "udp6",
  text: string,
  patience: number,
): Promise<string> {
  const socket = createSocket(family);
  socket.send(text, port, family === "udp4" ? "127.0.0.1" : "::1");
  const signal = AbortSignal.timeout(patience);
  try {
    const [message] = (await once(socket, "message", { signal })) as [Buffer];
    return message.toString();
  } catch {
    return "nothing";
  } finally {
    socket.close();
  }
}

/** What many datagrams get; asked again with more patience where none is answered, as on a busy machine. */
async function datagrams(port: number, family: "udp4" | "udp6", text = "?"): Promise<string[]> {
  for (let patience = 300; ; patience *= 3) {
    const asked = Array.from({ length: 30 }, () => datagram(port, family, text, patience));
    const answers = [...new Set(await Promise.all(asked))].sort();
    if (answers.join() !== "nothing" || patience > 20_000) return answers;
  }
}

const forward = (path: string, more = "") => `
            - name: ${path}
              match: { path: { kind: prefix, value: "${path}" } }
              action: { kind: forward, forward: { shares: [{ weight: 1, destination: echo }] }, http: { ${more} } }`;
const redirect = (path: string, to: string) => `
            - name: ${path}
              match: { path: { kind: prefix, value: "${path}" } }
              action: { kind: redirect, redirect: { ${to} } }`;

interface Ports {
  readonly http: number;
  readonly closed: number;
  readonly udp: number;
  readonly echo: number;
  readonly dns: number;
  readonly dead: number;
}

function document(ports: Ports): string {
  return `
capabilities: { families: [IPv4, IPv6] }
proxy:
  families: [IPv6, IPv4]
  listeners:
    - { name: http, transport: TCP, port: 80, bindPort: ${ports.http}, chains: [{ name: http, serve: { kind: http, routeTable: table } }] }
    - { name: closed, transport: TCP, port: 81, bindPort: ${ports.closed}, chains: [{ name: closed, serve: { kind: close } }] }
    - name: udp
      transport: UDP
      port: 53
      bindPort: ${ports.udp}
      chains:
        - name: udp
          serve: { kind: stream, forward: { shares: [{ weight: 1, destination: dns }, { weight: 1 }] } }
  routeTables:
    - name: table
      misdirected: [other.example]
      hosts:
        - hostname: shop.example
          rules:${forward("/plain")}${forward("/foo", "pathRewrite: { kind: prefix, prefix: /foo, value: /xyz }")}${forward(
            "/cut",
            'pathRewrite: { kind: prefix, prefix: /cut, value: "" }',
          )}${forward("/whole", "pathRewrite: { kind: full, value: /one }, hostRewrite: new.example")}${redirect(
            "/to-https",
            "scheme: https, status: 301",
          )}${redirect("/old", "path: { kind: prefix, prefix: /old, value: /new }, status: 302")}${redirect(
            "/gone",
            'path: { kind: prefix, prefix: /gone, value: "" }, status: 302',
          )}
            - name: lost
              match: { path: { kind: prefix, value: /lost } }
              action: { kind: forward, forward: { shares: [{ weight: 1, responseHeaders: { set: [{ name: a, value: b }] } }, { weight: 1, destination: echo }] } }
            - name: empty
              match: { path: { kind: prefix, value: /empty } }
              action: { kind: forward, forward: { shares: [{ weight: 1, destination: empty }] } }
            - name: headers
              match: { path: { kind: prefix, value: /headers } }
              action:
                kind: forward
                forward: { shares: [{ weight: 1, destination: echo, requestHeaders: { add: [{ name: x-share, value: "50%" }] } }] }
              requestHeaders: { set: [{ name: x-set, value: "%START_TIME%" }], remove: [x-secret] }
              responseHeaders: { add: [{ name: x-added, value: "" }] }
            - name: cors
              match: { path: { kind: prefix, value: /cors } }
              action: { kind: forward, forward: { shares: [{ weight: 1, destination: echo }] } }
              policy:
                cors: { allowOrigins: ["https://*.a.example"], allowMethods: ["*"], allowHeaders: [x-a], exposeHeaders: [], allowCredentials: true }
            - name: limited
              match: { path: { kind: prefix, value: /limited } }
              action: { kind: forward, forward: { shares: [{ weight: 1, destination: echo }] } }
              policy: { rateLimits: [{ requests: 1, perMilliseconds: 60000, headers: [{ name: x-user, distinct: true }] }] }
            - name: v6-only
              match: { path: { kind: prefix, value: /v6-only } }
              action: { kind: forward, forward: { shares: [{ weight: 1, destination: echo }] } }
              policy: { allowedSources: ["::1/128"] }
            - name: session
              match: { path: { kind: prefix, value: /session } }
              action: { kind: forward, forward: { shares: [{ weight: 1, destination: echo }] } }
              policy: { sessionPersistence: { by: cookie, name: sticky } }
            - name: half-dead
              match: { path: { kind: prefix, value: /half-dead } }
              action: { kind: forward, forward: { shares: [{ weight: 1, destination: half-dead }] } }
  destinations:
    - { key: echo, target: { kind: frontend, frontend: test/echo, port: 80 }, protocol: http1 }
    - { key: empty, target: { kind: frontend, frontend: test/empty, port: 80 }, protocol: http1 }
    - { key: half-dead, target: { kind: frontend, frontend: test/half-dead, port: 80 }, protocol: http1, preferFamily: IPv6 }
    - { key: dns, target: { kind: frontend, frontend: test/dns, port: 53 }, protocol: udp }
frontends:
  - { key: test/echo, families: [IPv4, IPv6], port: 80, backendPort: ${ports.echo}, backends: [{ addresses: { IPv4: 127.0.0.1, IPv6: "::1" } }] }
  - { key: test/half-dead, families: [IPv4, IPv6], port: 80, backendPort: ${ports.dead}, backends: [{ addresses: { IPv4: 127.0.0.1, IPv6: "::1" } }] }
  - { key: test/dns, families: [IPv4], protocol: UDP, port: 53, backendPort: ${ports.dns}, backends: [{ addresses: { IPv4: 127.0.0.1 } }] }
`;
}

describe("what Envoy does with what it has", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let folder: string;
  let server: AdsServer;
  let envoy: TestEnvoy;
  let input: Input;
  let ports: Ports;
  const closers: (() => void)[] = [];

  before(async () => {
    // of ports that nobody has over either family: one answers over both, one over IPv4 alone
    const v4 = await startEcho("127.0.0.1", await freePort());
    const v6 = await startEcho("::1", v4.port);
    const dead = await startEcho("127.0.0.1", await freePort());
    const dns = createSocket("udp4", (message, peer) =>
      dns.send(message.length > 1 ? message : "!", peer.port, peer.address),
    );
    dns.bind(0, "127.0.0.1");
    await once(dns, "listening");
    closers.push(v4.close, v6.close, dead.close, () => dns.close());
    const free = { http: await freePort(), closed: await freePort(), udp: await freePort() };
    ports = { ...free, echo: v4.port, dns: dns.address().port, dead: dead.port };
    input = readInput(document(ports));
    folder = await mkdtemp(join(tmpdir(), "tandem-desired-"));
    const path = join(folder, "xds.sock");
    server = await startAdsServer({ listen: [{ path }], authorize: () => input.proxy.key });
    const output = createEnvoyOutput(input.capabilities);
    server.set(
      input.proxy.key,
      output.update(input.proxy, (key) => input.frontends.get(key)),
    );
    envoy = await startEnvoy("web", { address: { pipe: { path } } });
    await eventually(
      () => ask(ports.http, "/plain").catch(() => undefined),
      (answer) => answer?.status === 200,
    );
  });

  after(async () => {
    for (const close of closers) close();
    await envoy.stop();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("each listener serves clients of both families; backends are reached over their first family", async () => {
    for (const to of ["127.0.0.1", "::1"]) {
      const answer = await ask(ports.http, "/plain", { to });
      assert.equal(answer.headers["x-family"], "IPv4");
    }
  });

  test("a family of a backend that is gone costs no request", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(ports.http, "/half-dead")));
    assert.deepEqual(
      new Set(answers.map((answer) => `${answer.status} ${answer.headers["x-family"]}`)),
      new Set(["200 IPv4"]),
    );
  });

  test("hosts match whatever their port; others are answered 404, those of other listeners 421", async () => {
    assert.equal((await ask(ports.http, "/plain", { host: "shop.example:8080" })).status, 200);
    assert.equal((await ask(ports.http, "/plain", { host: "Shop.example." })).status, 200);
    assert.equal((await ask(ports.http, "/plain", { host: "none.example" })).status, 404);
    assert.equal((await ask(ports.http, "/plain", { host: "other.example" })).status, 421);
    assert.equal((await ask(ports.http, "/plainly")).status, 404);
  });

  // The table at HTTPPathModifier.replacePrefixMatch, Gateway API.
  const REWRITES: readonly (readonly [string, string])[] = [
    ["/foo/bar", "/xyz/bar"],
    ["/foo", "/xyz"],
    ["/foo/", "/xyz/"],
    ["/foo?a=b", "/xyz?a=b"],
    ["/cut/bar", "/bar"],
    ["/cut/", "/"],
    ["/cut", "/"],
    ["/whole/of/it?q=1", "/one?q=1"],
    // slashes that follow each other are one, escaped ones stay
    ["//foo///bar", "/xyz/bar"],
    ["/foo/a%2Fb", "/xyz/a%2Fb"],
  ];
  for (const [path, seen] of REWRITES) {
    test(`${path} is rewritten to ${seen}`, async () => {
      assert.equal((await ask(ports.http, path)).seen.path, seen);
    });
  }

  const REDIRECTS: readonly (readonly [string, string])[] = [
    ["/to-https/a", "https://shop.example/to-https/a"],
    ["/old", "http://shop.example/new"],
    ["/old/a?b=c", "http://shop.example/new/a?b=c"],
    ["/gone/a", "http://shop.example/a"],
    ["/gone", "http://shop.example/"],
  ];
  for (const [path, location] of REDIRECTS) {
    test(`${path} is redirected to ${location}`, async () => {
      assert.equal((await ask(ports.http, path)).headers.location, location);
    });
  }

  test("the name is rewritten where a rule says so, and kept elsewhere", async () => {
    assert.equal((await ask(ports.http, "/whole")).seen.headers.host, "new.example");
    assert.equal((await ask(ports.http, "/plain")).seen.headers.host, "shop.example");
  });

  test("a share without a valid backend is answered 500, one without endpoints 503", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(ports.http, "/lost")));
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))].sort(), [200, 500]);
    assert.equal((await ask(ports.http, "/empty")).status, 503);
  });

  test("headers are changed literally, and Envoy adds none of its own but the client's address", async () => {
    const answer = await ask(ports.http, "/headers", { headers: { "x-secret": "1", "x-set": "old" } });
    assert.equal(answer.seen.headers["x-set"], "%START_TIME%");
    assert.equal(answer.seen.headers["x-share"], "50%");
    assert.equal(answer.seen.headers["x-secret"], undefined);
    assert.equal(answer.headers["x-added"], "");
    const names = [...Object.keys(answer.headers), ...Object.keys(answer.seen.headers)];
    assert.deepEqual(
      names.filter((name) => /^(server|x-envoy-(?!external-address))/.test(name)),
      [],
    );
  });

  test("clients cannot steer with Envoy's own headers", async () => {
    const headers = {
      "x-envoy-upstream-rq-timeout-ms": "1",
      "x-envoy-original-path": "/x",
      "x-forwarded-client-cert": "By=me",
    };
    const { seen } = await ask(ports.http, "/plain", { headers });
    assert.equal(seen.headers["x-envoy-upstream-rq-timeout-ms"], undefined);
    assert.equal(seen.headers["x-forwarded-client-cert"], undefined);
  });

  test("what a backend has seen is asked again only where it changes nothing, whatever the client says", async () => {
    for (const [method, status, times] of [
      ["GET", 200, 2],
      ["HEAD", 200, 2],
      ["OPTIONS", 200, 2],
      ["POST", 503, 1],
      ["PUT", 503, 1],
      ["DELETE", 503, 1],
    ] as const) {
      const path = `/plain/breaks/${method}`;
      const headers = { "x-envoy-retry-on": "reset,5xx", "x-envoy-max-retries": "5" };
      assert.equal((await ask(ports.http, path, { method, headers })).status, status, method);
      assert.equal(broken.filter((one) => one === `${method} ${path}`).length, times, method);
    }
  });

  test("CORS: preflights are answered, origins of others get no leave", async () => {
    const preflight = (origin: string) =>
      ask(ports.http, "/cors", {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "PUT" },
      });
    const good = await preflight("https://x.a.example");
    assert.equal(good.headers["access-control-allow-origin"], "https://x.a.example");
    assert.equal(good.headers["access-control-allow-methods"], "PUT");
    const bad = await preflight("https://x.b.example");
    assert.equal(bad.headers["access-control-allow-origin"], undefined);
  });

  test("a rate limit per value counts each value alone", async () => {
    const as = async (user: string) =>
      (await ask(ports.http, "/limited", { headers: { "x-user": user } })).status;
    assert.deepEqual([await as("a"), await as("b"), await as("a")], [200, 200, 429]);
    assert.equal((await ask(ports.http, "/limited")).status, 200);
  });

  test("sources that are not allowed are refused, by either family's address", async () => {
    assert.equal((await ask(ports.http, "/v6-only", { to: "::1" })).status, 200);
    assert.equal((await ask(ports.http, "/v6-only", { to: "127.0.0.1" })).status, 403);
  });

  test("session persistence sets its cookie", async () => {
    assert.match(String((await ask(ports.http, "/session")).headers["set-cookie"]), /^sticky=/);
  });

  test("a port without a route accepts and closes, over both families", async () => {
    assert.equal(await connection(ports.closed, "127.0.0.1"), "closed");
    assert.equal(await connection(ports.closed, "::1"), "closed");
  });

  test("datagrams are split by weight; those without a valid backend are dropped", async () => {
    for (const family of ["udp4", "udp6"] as const) {
      assert.deepEqual(await datagrams(ports.udp, family), ["!", "nothing"]);
    }
  });

  test("datagrams that came in fragments go through whole, both ways", async () => {
    const large = "x".repeat(20_000);
    for (const family of ["udp4", "udp6"] as const) {
      const answers = await datagrams(ports.udp, family, large);
      assert.ok(answers.includes(large), `over ${family}: ${answers.join()}`);
    }
  });
});
