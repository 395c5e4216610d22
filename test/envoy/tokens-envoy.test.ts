/** Tokens and API keys of SecurityPolicies, from objects to a real Envoy: who comes in, over both families. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type JsonWebKey, sign } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type AdsServer, startAdsServer } from "../../src/envoy/ads/index.ts";
import { createEnvoyOutput, type EnvoyOutput } from "../../src/envoy/desired/index.ts";
import { encode } from "../../src/envoy/proto/index.ts";
import { TYPE_URLS } from "../../src/envoy/resources.ts";
import type { Destination, ProxyModel } from "../../src/traffic/gateway/model.ts";
import { emptyModel, isReport, objectsOf, take } from "../traffic/gateway/text.ts";
import { ENVOY, eventually, freePort, startEnvoy, type TestEnvoy } from "./ads-envoy.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const curve = generateKeyPairSync("ec", { namedCurve: "P-256" });
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });
const SECRET = Buffer.from("a secret of 32 bytes, no less ..");

const publicKey = (key: { export(options: { format: "jwk" }): JsonWebKey }, kid: string) => ({
  ...key.export({ format: "jwk" }),
  kid,
});
const LOCAL = JSON.stringify({ keys: [publicKey(rsa.publicKey, "rsa")] });
const REMOTE = JSON.stringify({ keys: [publicKey(curve.publicKey, "curve")] });
const SYMMETRIC = JSON.stringify({ keys: [{ kty: "oct", k: SECRET.toString("base64url"), alg: "HS256" }] });

type Claims = Readonly<Record<string, unknown>>;

/** A token (RFC 7519) of an algorithm by its header. */
function token(
  alg: "RS256" | "ES256" | "HS256",
  kid: string | undefined,
  claims: Claims,
  key = rsa.privateKey,
) {
  const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const head = `${text({ alg, typ: "JWT", ...(kid && { kid }) })}.${text({ exp, ...claims })}`;
  const signature = {
    RS256: () => sign("sha256", Buffer.from(head), key),
    ES256: () => sign("sha256", Buffer.from(head), { key: curve.privateKey, dsaEncoding: "ieee-p1363" }),
    HS256: () => createHmac("sha256", SECRET).update(head).digest(),
  }[alg]();
  return `${head}.${signature.toString("base64url")}`;
}

const ANN = {
  iss: "https://local.example",
  aud: ["shop"],
  sub: "ann",
  org: { team: "blue" },
  roles: ["buyer"],
};
const good = (more: Claims = {}) => token("RS256", "rsa", { ...ANN, ...more });
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

const route = (name: string) => `
---
kind: HTTPRoute
metadata: {name: ${name}}
spec: {parentRefs: [{name: g}], hostnames: [${name}.test], rules: [{backendRefs: [{name: web, port: 80}]}]}`;
const policy = (name: string, spec: string) => `${route(name)}
---
apiVersion: tandem.dev/v1alpha1
kind: SecurityPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${name}}]
  ${spec}`;
const LOCAL_PROVIDER =
  "name: local, issuer: https://local.example, localJWKS: {type: ValueRef, valueRef: {kind: ConfigMap, name: keys}}";

const OBJECTS = (host4: string, host6: string) => `
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: tandem, listeners: [{name: web, port: 80, protocol: HTTP}]}
---
kind: ConfigMap
metadata: {name: keys}
data: {jwks: '${LOCAL}'}
---
kind: Secret
metadata: {name: symmetric}
data: {jwks: '${Buffer.from(SYMMETRIC).toString("base64")}'}
---
kind: Secret
metadata: {name: clients}
data: {ann: '${Buffer.from("key-of-ann").toString("base64")}', bob: '${Buffer.from("key-of-bob\n").toString("base64")}'}
---
kind: Secret
metadata: {name: more-clients}
data: {ann: '${Buffer.from("not-hers").toString("base64")}', eve: '${Buffer.from("key-of-eve").toString("base64")}'}
${route("open")}
${policy("plain", `jwt: {providers: [{${LOCAL_PROVIDER}, audiences: [shop], claimToHeaders: [{header: X-Sub, claim: sub}, {header: X-Team, claim: org.team}]}]}`)}
${policy("optional", `jwt: {optional: true, providers: [{${LOCAL_PROVIDER}, claimToHeaders: [{header: X-Sub, claim: sub}]}]}`)}
${policy("fail-open", `jwt: {failOpen: true, providers: [{${LOCAL_PROVIDER}, claimToHeaders: [{header: X-Sub, claim: sub}]}]}`)}
${policy(
  "elsewhere",
  `jwt: {providers: [{${LOCAL_PROVIDER}, extractFrom: {headers: [{name: X-Token, valuePrefix: "Is "}], cookies: [token], params: [t]}}]}`,
)}
${policy("symmetric", "jwt: {providers: [{name: s, localJWKS: {type: ValueRef, valueRef: {kind: Secret, name: symmetric}}}]}")}
${policy("remote4", `jwt: {providers: [{name: r, issuer: https://remote.example, remoteJWKS: {uri: 'http://${host4}/jwks'}}]}`)}
${policy(
  "remote6",
  `jwt: {providers: [{name: r, issuer: https://remote.example, remoteJWKS: {uri: 'http://${host6}/jwks'}}, {${LOCAL_PROVIDER}}]}`,
)}
${policy(
  "rules",
  `jwt: {optional: true, providers: [{${LOCAL_PROVIDER}}]}
  authorization:
    rules:
      - {action: Deny, principal: {jwt: {provider: local, claims: [{name: sub, values: [eve]}]}}}
      - {action: Allow, principal: {jwt: {provider: local, scopes: [read, write]}}}
      - {action: Allow, principal: {clientCIDRs: ["::1/128"], jwt: {provider: local, claims: [{name: roles, valueType: StringArray, values: [buyer, seller]}, {name: org.team, values: [blue]}]}}}`,
)}
${policy(
  "keys",
  `apiKeyAuth: {credentialRefs: [{name: clients}, {name: more-clients}], forwardClientIDHeader: X-Client, sanitize: true, extractFrom: [{headers: [X-Key]}, {params: [key]}, {cookies: [key]}]}`,
)}
${policy("recomputed", `jwt: {providers: [{${LOCAL_PROVIDER}, recomputeRoute: true, claimToHeaders: [{header: X-Sub, claim: sub}]}]}`)}
---
kind: HTTPRoute
metadata: {name: recomputed-ann}
spec:
  parentRefs: [{name: g}]
  hostnames: [recomputed.test]
  rules:
    - matches: [{headers: [{name: X-Sub, value: ann}]}]
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Route, value: of-ann}]}}]
      backendRefs: [{name: web, port: 80}]
`;

interface Answer {
  readonly status: number;
  readonly seen: IncomingHttpHeaders & { url?: string };
}

const LOOPBACKS = ["127.0.0.1", "::1"] as const;

async function startServer(host: string, answer: (asked: IncomingMessage) => string) {
  const server = createServer((asked, response) => response.end(answer(asked)));
  server.keepAliveTimeout = 0; // Envoy may use a connection again whenever it likes
  server.listen(0, host);
  await once(server, "listening");
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** Loopback addresses are no hosts for a policy; here they stand in for those that the proxy would reach. */
function onLoopback(proxy: ProxyModel, backend: number, hosts: ReadonlyMap<string, number>): ProxyModel {
  const destinations = [...proxy.destinations].map(([key, destination]): [string, Destination] => {
    const [stood] = destination.target.kind === "hosts" ? destination.target.hosts : [];
    const family = stood?.addresses?.[0]?.includes(":") ? "::1" : "127.0.0.1";
    const port = hosts.get(stood?.addresses?.[0] ?? "") ?? backend;
    return [key, { ...destination, target: { kind: "hosts", hosts: [{ addresses: [family], port }] } }];
  });
  return { ...proxy, destinations: new Map(destinations) };
}

describe("tokens and keys at a real Envoy", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  const closers: (() => unknown)[] = [];
  const model = emptyModel();
  let envoy: TestEnvoy;
  let server: AdsServer;
  let output: EnvoyOutput;
  let port: number;
  let socket: string;
  let hosts: ReadonlyMap<string, number>;
  let backend: number;
  const fetched: string[] = [];
  const refused: string[] = [];

  /** Brings Envoy to what the objects say now. */
  async function update(): Promise<void> {
    const proxy = model.flush().proxies.get("default/g");
    assert.ok(proxy);
    const listeners = proxy.listeners.map((listener) => ({ ...listener, bindPort: port }));
    const next = onLoopback({ ...proxy, listeners }, backend, hosts);
    output.update(next, () => undefined);
    server.replace("default/g", output.resources("default/g"));
    await server.applied("default/g");
  }

  before(async () => {
    const echo = await startServer("127.0.0.1", ({ url, headers }) => JSON.stringify({ url, ...headers }));
    const jwks = (host: string) =>
      startServer(host, ({ url = "", headers }) => {
        fetched.push(`${host} ${headers.host} ${url}`);
        return REMOTE;
      });
    const [four, six] = [await jwks("127.0.0.1"), await jwks("::1")];
    hosts = new Map([
      ["192.0.2.4", four.port],
      ["2001:db8::6", six.port],
    ]);
    backend = echo.port;
    port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), "tandem-tokens-"));
    socket = join(folder, "xds.sock");
    server = await startAdsServer({ listen: [{ path: socket }], authorize: () => "default/g" });
    server.onNack((nack) => refused.push(JSON.stringify(nack)));
    output = createEnvoyOutput({ families: ["IPv4", "IPv6"] });
    envoy = await startEnvoy("g", { address: { pipe: { path: socket } } });
    closers.push(
      echo.close,
      four.close,
      six.close,
      () => envoy.stop(),
      () => server.close(),
    );
    closers.push(() => rm(folder, { recursive: true, force: true }));
    for (const object of objectsOf(OBJECTS("192.0.2.4", "[2001:db8::6]")))
      if (!isReport(object)) take(model, object);
    await update();
    await eventually(
      () => ask("open"),
      (answers) => answers.every(({ status }) => status === 200),
    );
  });

  after(async () => {
    for (const close of closers) await close();
  });

  /** One request over each family. */
  async function ask(host: string, headers: Record<string, string> = {}, path = "/"): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (const to of LOOPBACKS) {
      const asked = request({
        host: to,
        port,
        path,
        agent: false,
        headers: { host: `${host}.test`, ...headers },
      });
      const answered = once(asked, "response").catch(() => undefined);
      asked.end();
      const [response] = ((await answered) ?? []) as [IncomingMessage?];
      let body = "";
      for await (const chunk of response ?? []) body += String(chunk);
      answers.push({ status: response?.statusCode ?? 0, seen: body.startsWith("{") ? JSON.parse(body) : {} });
    }
    return answers;
  }

  async function statuses(host: string, ...headers: Record<string, string>[]): Promise<number[]> {
    const all = [];
    for (const each of headers) all.push(await ask(host, each));
    return all.flatMap((answers) => answers.map(({ status }) => status));
  }

  test("Envoy takes all of it", () => assert.deepEqual(refused, []));

  test("a token lets in by its issuer, audience, time and key, and nothing else does", async () => {
    const past = Math.floor(Date.now() / 1000) - 3600;
    const bad = [
      {},
      bearer("x"),
      bearer(good({ iss: "https://other.example" })),
      bearer(good({ exp: past })),
      bearer(token("RS256", "rsa", ANN, stranger.privateKey)),
      bearer(token("HS256", "rsa", ANN)),
    ];
    assert.deepEqual(await statuses("plain", ...bad), Array(12).fill(401));
    assert.deepEqual(await statuses("plain", bearer(good({ aud: ["other"] }))), [403, 403]);
    assert.deepEqual(await statuses("plain", bearer(good())), [200, 200]);
    assert.deepEqual(await statuses("open", {}), [200, 200]);
  });

  test("backends get claims as headers, and the token; clients cannot make them up", async () => {
    const mine = bearer(good());
    for (const { seen } of await ask("plain", { ...mine, "x-sub": "root", "x-team": "root" }))
      assert.deepEqual(
        [seen["x-sub"], seen["x-team"], seen.authorization],
        ["ann", "blue", mine.authorization],
      );
    for (const { status, seen } of await ask("optional", { "x-sub": "root" }))
      assert.deepEqual([status, seen["x-sub"]], [200, undefined]);
    for (const { status, seen } of await ask("fail-open", { "x-sub": "root", ...bearer("x") }))
      assert.deepEqual([status, seen["x-sub"]], [200, undefined]);
  });

  test("optional tokens may be missing, not wrong; failOpen lets in whatever comes", async () => {
    assert.deepEqual(
      await statuses("optional", {}, bearer("x"), bearer(good())),
      [200, 200, 401, 401, 200, 200],
    );
    assert.deepEqual(await statuses("fail-open", {}, bearer("x"), bearer(good())), Array(6).fill(200));
  });

  test("tokens are found where the policy says, and only there", async () => {
    const headers: Record<string, string>[] = [
      { "x-token": `Is ${good()}` },
      { cookie: `a=b; token=${good()}` },
      bearer(good()),
    ];
    assert.deepEqual(await statuses("elsewhere", ...headers), [200, 200, 200, 200, 401, 401]);
    const answers = await ask("elsewhere", {}, `/?t=${good()}`);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
  });

  test("symmetric keys come from a Secret", async () => {
    assert.deepEqual(
      await statuses("symmetric", bearer(token("HS256", undefined, ANN)), bearer(good())),
      [200, 200, 401, 401],
    );
  });

  test("key sets are fetched over either family, and two providers of one policy are both good", async () => {
    const remote = bearer(token("ES256", "curve", { iss: "https://remote.example", sub: "ann" }));
    await eventually(
      () => statuses("remote4", remote),
      (all) => all.every((status) => status === 200),
    );
    assert.deepEqual(await statuses("remote4", remote, bearer(good())), [200, 200, 401, 401]);
    await eventually(
      () => statuses("remote6", remote),
      (all) => all.every((status) => status === 200),
    );
    assert.deepEqual(await statuses("remote6", remote, bearer(good()), {}), [200, 200, 200, 200, 401, 401]);
    assert.deepEqual([...new Set(fetched)].sort(), ["127.0.0.1 192.0.2.4 /jwks", "::1 [2001:db8::6] /jwks"]);
  });

  test("rules decide by claims, scopes and address, the first that fits", async () => {
    const scoped = bearer(good({ scope: "read write", roles: [] }));
    const eve = bearer(good({ scope: "read write", sub: "eve" }));
    const half = bearer(good({ scp: "read", roles: [] }));
    assert.deepEqual(await statuses("rules", scoped, eve, half, {}), [200, 200, ...Array(6).fill(403)]);
    const buyer = bearer(good({ roles: ["buyer"] }));
    const red = bearer(good({ roles: ["buyer"], org: { team: "red" } }));
    assert.deepEqual(await statuses("rules", buyer, red), [403, 200, 403, 403]);
  });

  test("the route is chosen anew by what the token says", async () => {
    for (const { seen } of await ask("recomputed", bearer(good()))) assert.equal(seen["x-route"], "of-ann");
    for (const { status, seen } of await ask("recomputed", bearer(good({ sub: "bob" }))))
      assert.deepEqual([status, seen["x-route"]], [200, undefined]);
  });

  test("keys let in; backends get the client's name, and not the key", async () => {
    const ways = [
      [{ "x-key": "key-of-ann", "x-client": "root" }, "/", "ann"],
      [{}, "/?key=key-of-bob&a=1", "bob"],
      [{ cookie: "a=1; key=key-of-eve" }, "/", "eve"],
    ] as const;
    for (const [headers, path, name] of ways)
      for (const { status, seen } of await ask("keys", headers, path)) {
        assert.deepEqual([status, seen["x-client"]], [200, name]);
        assert.doesNotMatch(JSON.stringify(seen), /key-of-/);
      }
    assert.deepEqual(
      await statuses("keys", {}, { "x-key": "not-hers" }, { "x-key": "" }),
      Array(6).fill(401),
    );
  });

  test("policies come, change and go without a listener that drains", async () => {
    const modified = async () => /listener_modified: (\d+)/.exec(await envoy.admin("/stats"))?.[1];
    const before = await modified();
    let generation = 0;
    const one = (spec: string) => {
      const [made] = objectsOf(policy("open", spec).slice("\n---".length)).filter(
        (object) => !isReport(object) && object.kind === "SecurityPolicy",
      );
      assert.ok(made && !isReport(made));
      made.metadata.generation = ++generation;
      return made;
    };
    const inline = (keySet: string) => `jwt: {providers: [{name: p, localJWKS: {inline: '${keySet}'}}]}`;
    const states = () => statuses("open", {}, bearer(good()));
    take(model, one(inline(LOCAL)));
    await update();
    assert.deepEqual(await states(), [401, 401, 200, 200]);
    take(model, one(inline(REMOTE)), "updated");
    await update();
    assert.deepEqual(await states(), [401, 401, 401, 401]);
    take(model, one(inline("{}")), "updated");
    await update();
    assert.deepEqual(await states(), [500, 500, 500, 500]);
    take(model, one(inline(LOCAL)), "deleted");
    await update();
    assert.deepEqual(await states(), [200, 200, 200, 200]);
    assert.equal(await modified(), before);
    assert.deepEqual(refused, []);
  });

  test("of all filters only those are there that a route has switched on", async () => {
    const allowed = async () =>
      /jwt_authn.allowed: (\d+)/.exec(await envoy.admin("/stats?filter=jwt_authn"))?.[1];
    const before = await allowed();
    assert.ok(Number(before) > 0);
    await ask("open");
    assert.equal(await allowed(), before);
    await ask("plain", bearer(good()));
    assert.equal(await allowed(), String(Number(before) + 2));
  });

  test("a filter that an Envoy refuses takes no listener down; who would need it stays outside", async () => {
    const another = await startEnvoy("h", { address: { pipe: { path: socket } } });
    closers.unshift(() => another.stop());
    const message = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
    const providers = { p: { local_jwks: { inline_string: "{}" } } };
    const bytes = encode(TYPE_URLS.filter, {
      name: "envoy.filters.http.jwt_authn",
      typed_config: { "@type": `type.googleapis.com/${message}`, providers },
    });
    const bad = output
      .resources("default/g")
      .map((one) => (one.kind === "filter" ? { ...one, bytes, version: "bad" } : one));
    server.replace("default/g", bad);
    await eventually(
      async () => refused.length,
      (count) => count >= 2,
    );
    assert.ok(refused.every((text) => text.includes("jwks")));
    await envoy.stop();
    await eventually(
      () => statuses("open", {}),
      (all) => all.every((status) => status === 200),
    );
    assert.deepEqual(await statuses("plain", bearer(good()), {}), [403, 403, 403, 403]);
  });
});
