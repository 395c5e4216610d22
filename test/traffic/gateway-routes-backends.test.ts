import assert from "node:assert/strict";
import { test } from "node:test";
import {
  PREFER_FAMILY_ANNOTATION,
  translateRoute,
  withClientCertificate,
} from "../../src/traffic/gateway/routes/index.ts";
import { firstForward, firstRule, httpRule, objects, references, route } from "./gateway-routes-fixtures.ts";

const kinds = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"] as const;

/** References that do not resolve, for HTTPRoutes. */
const BAD: [ref: string, reason: string, message: RegExp][] = [
  ["{name: none, port: 80}", "BackendNotFound", /backendRefs\[0\]: Service default\/none does not exist/],
  [
    "{name: web, port: 8080}",
    "BackendNotFound",
    /Service default\/web has no port 8080 \(its ports: 80, 81\)/,
  ],
  ["{name: web}", "BackendNotFound", /needs a port/],
  ["{kind: Pod, name: web, port: 80}", "InvalidKind", /Pod is no kind of backend/],
  ["{group: a.example, kind: Service, name: web, port: 80}", "InvalidKind", /Service of a\.example/],
  [
    "{name: far, namespace: other, port: 80}",
    "RefNotPermitted",
    /no ReferenceGrant there allows HTTPRoutes of default/,
  ],
  ["{name: out, port: 80}", "InvalidKind", /ExternalName.*CVE-2021-25740/],
  ["{name: api, port: 53}", "UnsupportedProtocol", /port 53 of Service default\/api is UDP, not TCP/],
  ["{name: odd, port: 80}", "UnsupportedProtocol", /appProtocol kubernetes\.io\/next is not known/],
  ["{name: odd, port: 81}", "UnsupportedProtocol", /appProtocol https needs TLS; make a BackendTLSPolicy/],
  [
    "{group: tandem.dev, kind: Backend, name: none}",
    "BackendNotFound",
    /Backend default\/none does not exist/,
  ],
];

const ODD = objects(`
{kind: Service, metadata: {name: out}, spec: {type: ExternalName, externalName: a.example, ports: [{port: 80}]}}
---
{kind: Service, metadata: {name: odd}, spec: {ports: [{port: 80, appProtocol: kubernetes.io/next}, {port: 81, appProtocol: https}, {port: 82, appProtocol: kubernetes.io/ws}]}}
`);

for (const [ref, reason, message] of BAD)
  test(`a reference that does not resolve: ${ref}`, () => {
    const translated = httpRule(`{backendRefs: [${ref}]}`, ...ODD);
    assert.deepEqual(firstRule(translated).action, { kind: "answer", status: 500 });
    assert.equal(translated.needs.destinations.size, 0);
    assert.equal(translated.conditions.notAccepted, undefined, "the route is accepted all the same");
    assert.equal(translated.conditions.resolvedRefs.status, "False");
    assert.equal(translated.conditions.resolvedRefs.reason, reason);
    assert.match(translated.conditions.resolvedRefs.message, message);
  });

test("the share of a backend that is not valid stays, without a destination", () => {
  const translated = httpRule(
    "{backendRefs: [{name: web, port: 80, weight: 3}, {name: none, port: 80, weight: 2}]}",
  );
  assert.deepEqual(firstForward(translated).forward.shares, [
    { weight: 3, destination: "service/default/web/80" },
    { weight: 2 },
  ]);
});

test("weight 0 gets nothing, but is checked", () => {
  const translated = httpRule(
    "{backendRefs: [{name: web, port: 80}, {name: api, port: 80, weight: 0}, {name: none, port: 80, weight: 0}]}",
  );
  assert.deepEqual([...translated.needs.destinations.keys()], ["service/default/web/80"]);
  assert.equal(firstForward(translated).forward.shares.length, 1);
  assert.equal(translated.conditions.resolvedRefs.reason, "BackendNotFound");
});

for (const refs of ["[]", "[{name: web, port: 80, weight: 0}]"])
  test(`no backend to go to answers 500, for gRPC 503 (UNAVAILABLE): ${refs}`, () => {
    const spec = `{rules: [{backendRefs: ${refs}}]}`;
    const statuses = (["HTTPRoute", "GRPCRoute"] as const).map((kind) => {
      const translated = translateRoute(route(kind, spec), references());
      assert.equal(translated.conditions.resolvedRefs.status, "True");
      return firstRule(translated).action;
    });
    assert.deepEqual(statuses, [
      { kind: "answer", status: 500 },
      { kind: "answer", status: 503 },
    ]);
  });

test("an HTTPRoute without rules answers 500 (its default rule has no backend)", () => {
  const translated = translateRoute(route("HTTPRoute", "{}"), references());
  assert.deepEqual(firstRule(translated).action, { kind: "answer", status: 500 });
});

const GRANT = `
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: "", kind: Service`;

for (const [rest, granted] of [
  ["}]", true],
  [", name: far}]", true],
  [", name: near}]", false],
] as const)
  test(`a ReferenceGrant to Services${rest} ${granted ? "allows" : "does not allow"} a reference`, () => {
    const ref = "{backendRefs: [{name: far, namespace: other, port: 80}]}";
    const translated = httpRule(ref, ...objects(GRANT + rest));
    assert.equal(translated.conditions.resolvedRefs.status, granted ? "True" : "False");
    assert.equal(translated.needs.destinations.has("service/other/far/80"), granted);
    assert.ok(translated.lookups.has("ReferenceGrant/other"));
  });

test("a grant for another kind of route does not count", () => {
  const object = route("GRPCRoute", "{rules: [{backendRefs: [{name: far, namespace: other, port: 80}]}]}");
  const { conditions } = translateRoute(object, references(...objects(`${GRANT}}]`)));
  assert.equal(conditions.resolvedRefs.reason, "RefNotPermitted");
});

test("lookups name all that a route depends on, there or not", () => {
  const translated = httpRule(
    "{backendRefs: [{name: web, port: 80}, {name: none, port: 80}, {name: far, namespace: other, port: 80}, {group: tandem.dev, kind: Backend, name: b}]}",
  );
  assert.deepEqual([...translated.lookups].sort(), [
    "Backend/default/b",
    "BackendTLSPolicy/default/web",
    "ReferenceGrant/other",
    "Service/default/none",
    "Service/default/web",
  ]);
});

/** By kind of route and appProtocol: how the destination is spoken to, and its key. */
const PROTOCOLS: [kind: (typeof kinds)[number], port: number, protocol: string, key: string][] = [
  ["HTTPRoute", 80, "http1", "service/default/web/80"],
  ["HTTPRoute", 81, "http2", "service/default/web/81/http2"],
  ["GRPCRoute", 80, "http2", "service/default/web/80/http2"],
  ["GRPCRoute", 81, "http2", "service/default/web/81/http2"],
  ["TLSRoute", 80, "stream", "service/default/web/80/stream"],
  ["TCPRoute", 80, "stream", "service/default/web/80/stream"],
];

for (const [kind, port, protocol, key] of PROTOCOLS)
  test(`${kind} to port ${port} speaks ${protocol}`, () => {
    const translated = translateRoute(
      route(kind, `{rules: [{backendRefs: [{name: web, port: ${port}}]}]}`),
      references(),
    );
    const { destinations } = translated.stream?.terminated.needs ?? translated.needs;
    assert.deepEqual(
      [...destinations.values()],
      [
        {
          key,
          target: { kind: "frontend", frontend: "default/web", port },
          protocol,
          origins: [{ kind: "Service", key: "default/web" }],
        },
      ],
    );
  });

test("WebSockets pass where all backends speak HTTP/1.1", () => {
  const websocket = (refs: string) =>
    firstForward(httpRule(`{backendRefs: [${refs}]}`, ...ODD)).http.websocket;
  assert.equal(websocket("{name: odd, port: 82}"), true);
  assert.equal(websocket("{name: web, port: 80}, {name: none, port: 1}"), true);
  assert.equal(websocket("{name: web, port: 80}, {name: web, port: 81}"), false);
});

test("the family preferred by a route comes before the Service's", () => {
  const [service] = objects(
    `{kind: Service, metadata: {name: six, annotations: {${PREFER_FAMILY_ANNOTATION}: IPv6}}, spec: {ports: [{port: 80}]}}`,
  );
  assert.ok(service);
  const spec = "{rules: [{backendRefs: [{name: six, port: 80}]}]}";
  const destinations = (annotations?: Record<string, string>) => {
    const { needs, conditions } = translateRoute(route("HTTPRoute", spec, annotations), references(service));
    const [only] = needs.destinations.values();
    return [only?.key, only?.preferFamily, conditions.resolvedRefs.message];
  };
  const fine = "All references are resolved";
  assert.deepEqual(destinations(), ["service/default/six/80/IPv6", "IPv6", fine]);
  assert.deepEqual(destinations({ [PREFER_FAMILY_ANNOTATION]: "IPv4" }), [
    "service/default/six/80/IPv4",
    "IPv4",
    fine,
  ]);
  assert.match(
    String(destinations({ [PREFER_FAMILY_ANNOTATION]: "ipv4" })[2]),
    /is "ipv4", which is ignored/,
  );
});

const BACKEND = `
kind: Backend
metadata: {name: b}
spec:
  endpoints: [{addresses: ["fd00::1", 192.0.2.1], port: 8080, zone: a}, {fqdn: db.example, port: 8081}]
  tls: {hostname: db.example, wellKnownCACertificates: System}
`;

test("a Backend's hosts are one each, with their addresses of both families", () => {
  const translated = httpRule(
    "{backendRefs: [{group: tandem.dev, kind: Backend, name: b}]}",
    ...objects(BACKEND),
  );
  assert.deepEqual(
    [...translated.needs.destinations.values()],
    [
      {
        key: "backend/default/b/tls",
        target: {
          kind: "hosts",
          hosts: [
            { addresses: ["fd00::1", "192.0.2.1"], port: 8080, zone: "a" },
            { hostname: "db.example", port: 8081 },
          ],
        },
        protocol: "http1",
        tls: { serverName: "db.example", trust: "system" },
        origins: [{ kind: "Backend", key: "default/b" }],
      },
    ],
  );
  assert.deepEqual([...translated.needs.trust.keys()], ["system"]);
});

for (const endpoint of [
  "{addresses: [127.0.0.1], port: 19000}",
  "{addresses: ['::1'], port: 19000}",
  "{addresses: ['::ffff:127.0.0.1'], port: 19000}",
  "{addresses: [192.0.2.1, 169.254.169.254], port: 80}",
  "{addresses: [nonsense], port: 80}",
  "{fqdn: localhost, port: 19000}",
])
  test(`a Backend cannot lead into the proxy itself: ${endpoint}`, () => {
    const backend = objects(`{kind: Backend, metadata: {name: b}, spec: {endpoints: [${endpoint}]}}`);
    const translated = httpRule("{backendRefs: [{group: tandem.dev, kind: Backend, name: b}]}", ...backend);
    assert.deepEqual(firstRule(translated).action, { kind: "answer", status: 500 });
    assert.equal(translated.conditions.resolvedRefs.reason, "UnsupportedAddress");
    assert.match(translated.conditions.resolvedRefs.message, /spec\.endpoints\[0\]/);
  });

test("streams go by weight; what is not valid is closed in proportion", () => {
  const spec =
    "{hostnames: [a.example], rules: [{backendRefs: [{name: web, port: 80}, {name: none, port: 80, weight: 2}]}]}";
  const translated = translateRoute(route("TLSRoute", spec), references());
  assert.deepEqual(translated.hostnames, ["a.example"]);
  assert.deepEqual(translated.stream?.passthrough.forward, {
    shares: [{ weight: 1, destination: "service/default/web/80/stream" }, { weight: 2 }],
  });
  assert.equal(translated.conditions.resolvedRefs.reason, "BackendNotFound");
});

test("UDP goes to UDP ports, TCP to TCP ports", () => {
  const to = (kind: "TCPRoute" | "UDPRoute", port: number) =>
    translateRoute(route(kind, `{rules: [{backendRefs: [{name: api, port: ${port}}]}]}`), references());
  const udp = to("UDPRoute", 53);
  assert.equal(udp.conditions.resolvedRefs.status, "True");
  assert.equal(udp.stream?.terminated.needs.destinations.get("service/default/api/53/udp")?.protocol, "udp");
  assert.equal(to("UDPRoute", 80).conditions.resolvedRefs.reason, "UnsupportedProtocol");
  assert.equal(to("TCPRoute", 53).conditions.resolvedRefs.reason, "UnsupportedProtocol");
  assert.deepEqual(to("TCPRoute", 53).stream?.terminated.forward, { shares: [] });
});

test("a Gateway's client certificate goes to backends that speak TLS, as one object each", () => {
  const [destination] = httpRule(
    "{backendRefs: [{group: tandem.dev, kind: Backend, name: b}]}",
    ...objects(BACKEND),
  ).needs.destinations.values();
  const [plain] = httpRule("{backendRefs: [{name: web, port: 80}]}").needs.destinations.values();
  assert.ok(destination && plain);
  const shown = withClientCertificate(destination, "client");
  assert.equal(shown.tls?.clientCertificate, "client");
  assert.equal(withClientCertificate(destination, "client"), shown);
  assert.equal(withClientCertificate(plain, "client"), plain);
});
