import assert from "node:assert/strict";
import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { describe, test } from "node:test";
import type { Resource } from "../../src/envoy/resources.ts";
import type { PolicyKind, PolicyObject } from "../../src/traffic/gateway/policies/index.ts";
import { CLIENT, DESTINATION, ROUTE } from "../traffic/gateway-policies-cases.ts";
import { goodPolicy } from "../traffic/gateway-policies-fixtures.ts";
import { emptyModel, isReport, objectsOf, take } from "../traffic/gateway/text.ts";
import { ENVOY } from "./ads-envoy.ts";
import { askEnvoy, resourcesOf } from "./judge.ts";

/** A Gateway with a listener of each kind that policies differ for, and routes on them. */
const GATEWAY = `
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: tandem
  listeners:
    - {name: web, port: 80, protocol: HTTP}
    - {name: secure, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}
    - {name: raw, port: 9000, protocol: TCP}
---
{kind: Secret, metadata: {name: cert}, type: kubernetes.io/tls, data: {tls.crt: $CERTIFICATE, tls.key: $KEY}}
---
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
kind: TCPRoute
metadata: {name: t}
spec: {parentRefs: [{name: g, sectionName: raw}], rules: [{backendRefs: [{name: web, port: 80}]}]}
`;

/** Values at the ends of what the schema takes: either the policy is refused with a reason, or Envoy takes it. */
const EDGES: (readonly [kind: PolicyKind, spec: string])[] = [
  ["ClientTrafficPolicy", "tcpKeepalive: {probes: 100, idleTime: 1ms, interval: 1ms}"],
  ["ClientTrafficPolicy", "tcpKeepalive: {probes: 1, idleTime: 0s, interval: 0s}"],
  ["ClientTrafficPolicy", "tcpKeepalive: {idleTime: 99999h}"],
  ["ClientTrafficPolicy", "timeout: {http: {requestReceivedTimeout: 0s, idleTimeout: 99999h99999h}}"],
  ["ClientTrafficPolicy", "connection: {connectionLimit: {value: 2147483647}, bufferLimit: 1}"],
  ["ClientTrafficPolicy", "connection: {bufferLimit: 4294967295}"],
  ["ClientTrafficPolicy", "clientIPDetection: {xForwardedFor: {numTrustedHops: 255}}"],
  ["ClientTrafficPolicy", "clientIPDetection: {customHeader: {name: 'x!y'}}"],
  ["ClientTrafficPolicy", "proxyProtocol: {trustedCIDRs: ['0.0.0.0/0', '::/0', '::ffff:0:0/96']}"],
  ["ClientTrafficPolicy", "compression: [{type: Gzip}, {type: Gzip}, {type: Zstd}]"],
  ["ClientTrafficPolicy", "accessLog: {format: {type: JSON, json: {}}}"],
  ["ClientTrafficPolicy", "accessLog: {format: {type: Text, text: '%NOTHING%'}}"],
  ["ClientTrafficPolicy", "tls: {alpnProtocols: [h2, h2], ciphers: []}"],
  ["ClientTrafficPolicy", "tls: {minVersion: '1.3', ciphers: [AES128-SHA]}"],
  ["ClientTrafficPolicy", "tls: {ciphers: [NOTHING]}"],
  ["BackendTrafficPolicy", "timeout: {tcp: {connectTimeout: 0s}}"],
  ["BackendTrafficPolicy", "timeout: {tcp: {connectTimeout: 99999h99999h}, http: {streamIdleTimeout: 0s}}"],
  ["BackendTrafficPolicy", "tcpKeepalive: {probes: 1, idleTime: 0s, interval: 1ms}"],
  ["BackendTrafficPolicy", "circuitBreaker: {maxConnections: 0, maxPendingRequests: 4294967295}"],
  ["BackendTrafficPolicy", "healthCheck: {passive: {interval: 0s}}"],
  ["BackendTrafficPolicy", "healthCheck: {passive: {baseEjectionTime: 0s}}"],
  ["BackendTrafficPolicy", "healthCheck: {passive: {baseEjectionTime: 999h, maxEjectionPercent: 0}}"],
  [
    "BackendTrafficPolicy",
    "healthCheck: {active: {type: HTTP, timeout: 5s, interval: 1s, http: {path: '/a b?c'}}}",
  ],
  ["BackendTrafficPolicy", 'healthCheck: {active: {type: HTTP, http: {path: "/a\\nb"}}}'],
  [
    "BackendTrafficPolicy",
    "healthCheck: {active: {type: HTTP, http: {path: /, expectedStatuses: [100, 599]}}}",
  ],
  [
    "BackendTrafficPolicy",
    "healthCheck: {active: {type: GRPC, unhealthyThreshold: 2147483647}, panicThreshold: 0}",
  ],
  ["BackendTrafficPolicy", "loadBalancer: {type: RoundRobin, slowStart: {window: 0s}}"],
  [
    "BackendTrafficPolicy",
    "loadBalancer: {type: ConsistentHash, consistentHash: {type: Cookie, cookie: {name: a, ttl: 0s}}}",
  ],
  [
    "BackendTrafficPolicy",
    "loadBalancer: {type: ConsistentHash, consistentHash: {type: Header, header: {name: 'a!b'}}}",
  ],
  ["BackendTrafficPolicy", "retry: {numRetries: 0, retryOn: {triggers: [], httpStatusCodes: [100]}}"],
  ["BackendTrafficPolicy", "retry: {perRetry: {timeout: 0s, backOff: {baseInterval: 0s, maxInterval: 0s}}}"],
  [
    "BackendTrafficPolicy",
    "rateLimit: {type: Local, local: {rules: [{limit: {requests: 4294967295, unit: Day}}, {clientSelectors: [{}], limit: {requests: 1, unit: Day}}]}}",
  ],
  [
    "BackendTrafficPolicy",
    'rateLimit: {type: Local, local: {rules: [{clientSelectors: [{headers: [{name: a, value: ""}, {name: a, value: "x\\ny"}]}], limit: {requests: 1, unit: Second}}]}}',
  ],
  [
    "BackendTrafficPolicy",
    "sessionPersistence: {absoluteTimeout: 0s, cookieConfig: {lifetimeType: Permanent}}",
  ],
  [
    "SecurityPolicy",
    "cors: {allowOrigins: ['*', 'https://*', 'https://[', 'https://a(b', 'https://*.*'], maxAge: 0s}",
  ],
  ["SecurityPolicy", 'cors: {allowHeaders: ["a\\nb"], allowMethods: ["*"]}'],
  [
    "SecurityPolicy",
    "authorization: {rules: [{action: Deny, principal: {clientCIDRs: [0.0.0.0/0, '::/0']}}]}",
  ],
  [
    "SecurityPolicy",
    "jwt: {failOpen: true, providers: [{name: ' /ü', issuer: '', audiences: [' '], remoteJWKS: {uri: 'http://[2001:db8::1]/ä?b c', cacheDuration: 99999h99999h, failedRefetchDuration: 0s}, claimToHeaders: [{header: Host, claim: '.'}, {header: \"x!'y\", claim: a..b}], extractFrom: {headers: [{name: \"x!'y\", valuePrefix: ' ~'}], cookies: [a], params: [' &=']}}]}, authorization: {defaultAction: Allow, rules: [{action: Deny, principal: {jwt: {provider: ' /ü', claims: [{name: ' .ü', values: [' ']}], scopes: [' ']}}}]}",
  ],
  ["SecurityPolicy", "jwt: {providers: [{name: a, remoteJWKS: {uri: 'http://a.', cacheDuration: 1ms}}]}"],
];

/** Keys at the ends of what is taken. */
const KEYS: readonly JsonWebKey[] = [
  ...[512, 1024, 4096].map((modulusLength) => generateKeyPairSync("rsa", { modulusLength })),
  ...["P-256", "P-384", "P-521"].map((namedCurve) => generateKeyPairSync("ec", { namedCurve })),
  generateKeyPairSync("ed25519"),
]
  .flatMap(({ publicKey, privateKey }) => [publicKey, privateKey])
  .map((key) => ({ ...key.export({ format: "jwk" }), kid: "", use: "enc", x5c: [] }));
const SECRETS = ["A", "AA", "AB", "AAA", "AAB", "AAAA", "AAAAA", "_-", ""].map((k) => ({ kty: "oct", k }));
const OFF_CURVE = { kty: "EC", crv: "P-256", x: "A".repeat(43), y: `${"A".repeat(42)}E` };
const SHORT = { kty: "OKP", crv: "Ed25519", x: "AAAA" };
const EXPONENTS = ["Aw", "AQAB", "AAEAAQ", "Ag", ""].map((e) => ({ ...KEYS[2], e }));

const OTHERS = [
  {},
  5,
  null,
  [],
  "",
  { kty: 5 },
  { kty: "EC", crv: "secp256k1" },
  { ...KEYS[2], alg: 5, kid: 6 },
];

for (const key of [...KEYS, ...SECRETS, OFF_CURVE, SHORT, ...EXPONENTS, ...OTHERS])
  for (const keys of [[key], [key, KEYS[2]], [KEYS[2], key, key]]) {
    const text = JSON.stringify(JSON.stringify({ keys }));
    EDGES.push(["SecurityPolicy", `jwt: {providers: [{name: p, localJWKS: {inline: ${text}}}]}`]);
  }

/** All that a proxy has with a policy in force, on ports that are free here. */
async function resourcesWith(policy: PolicyObject): Promise<Resource[]> {
  const model = emptyModel();
  for (const object of objectsOf(GATEWAY)) if (!isReport(object)) take(model, object);
  take(model, policy);
  return resourcesOf(model.flush().proxies.get("default/g"));
}

type Case = readonly [kind: PolicyKind, spec: string];

const CASES: readonly Case[] = [
  ...EDGES,
  ...CLIENT.map(([spec]): Case => ["ClientTrafficPolicy", spec]),
  ...DESTINATION.map(([spec]): Case => ["BackendTrafficPolicy", spec]),
  ...ROUTE.map(([kind, spec]): Case => [kind, spec]),
];

describe("what Envoy says to policies", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  const refusedOf = askEnvoy();

  for (const [kind, spec] of CASES)
    test(`Envoy takes ${kind}: ${spec.slice(0, 300)}`, { timeout: 300_000 }, async () => {
      assert.deepEqual(await refusedOf(await resourcesWith(goodPolicy(kind, "p", "Gateway g", spec))), []);
    });
});
