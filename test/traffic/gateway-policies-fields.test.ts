import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultDefinition } from "../../src/objects/crd/definition/defaults.ts";
import { validateDefinition } from "../../src/objects/crd/definition/validate.ts";
import type { Definition } from "../../src/objects/crd/index.ts";
import { applyPolicies, clientSettings, policyVerdict } from "../../src/traffic/gateway/policies/index.ts";
import {
  among,
  DEFINITIONS,
  goodPolicy,
  policy,
  schemaErrors,
  surroundings,
  WEB,
} from "./gateway-policies-fixtures.ts";
import { firstRule, httpRule } from "./gateway-routes-fixtures.ts";

for (const definition of DEFINITIONS)
  test(`the definition of ${definition.spec.names.kind} is one that API servers take`, () => {
    const copy = structuredClone(definition) as unknown as Definition;
    defaultDefinition(copy);
    assert.deepEqual(validateDefinition(copy), []);
  });

/** Fields of ClientTrafficPolicy and what they come to. */
const CLIENT: [spec: string, expected: object][] = [
  ["proxyProtocol: {}", { policy: { proxyProtocol: { optional: false, trusted: [] } } }],
  [
    "proxyProtocol: {optional: true, trustedCIDRs: [10.0.0.0/8, 'fd00::/8', 192.0.2.1, '2001:db8::1']}",
    {
      policy: {
        proxyProtocol: {
          optional: true,
          trusted: ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32", "2001:db8::1/128"],
        },
      },
    },
  ],
  [
    "clientIPDetection: {xForwardedFor: {numTrustedHops: 2}}",
    { policy: { clientAddress: { trustedHops: 2 } } },
  ],
  [
    "clientIPDetection: {customHeader: {name: X-Client}}",
    { policy: { clientAddress: { header: "x-client" } } },
  ],
  [
    "tcpKeepalive: {probes: 3, idleTime: 1m, interval: 10s}",
    { policy: { keepalive: { probes: 3, idle: 60_000, interval: 10_000 } } },
  ],
  [
    "timeout: {http: {requestReceivedTimeout: 5s, idleTimeout: 1h}}",
    { policy: { requestReceivedTimeout: 5000, idleTimeout: 3_600_000 } },
  ],
  [
    "connection: {connectionLimit: {value: 100}, bufferLimit: 32Ki}",
    { policy: { connectionLimit: 100, bufferLimit: 32_768 } },
  ],
  [
    "tls: {minVersion: '1.2', maxVersion: '1.3', ciphers: [A], alpnProtocols: [h2]}",
    { tls: { minVersion: "1.2", maxVersion: "1.3", ciphers: ["A"], alpn: ["h2"] } },
  ],
  [
    "accessLog: {format: {type: Text, text: 'a %B%'}}",
    { policy: { accessLog: { format: { text: "a %B%" } } } },
  ],
  [
    "accessLog: {format: {type: JSON, json: {a: b}}}",
    { policy: { accessLog: { format: { json: { a: "b" } } } } },
  ],
  ["compression: [{type: Brotli}, {type: Gzip}]", { policy: { compression: ["brotli", "gzip"] } }],
  ["path: {disableNormalization: true}", { policy: { pathNormalization: false } }],
];

for (const [spec, expected] of CLIENT)
  test(`ClientTrafficPolicy: ${spec}`, () => {
    const { lookups: _, ...settings } = clientSettings(
      WEB,
      among(goodPolicy("ClientTrafficPolicy", "p", "Gateway g", spec)),
    );
    assert.deepEqual(settings, expected);
  });

/** Fields of BackendTrafficPolicy that are about destinations. */
const DESTINATION: [spec: string, expected: object][] = [
  ["loadBalancer: {type: Random}", { loadBalancing: { kind: "random" } }],
  [
    "loadBalancer: {type: LeastRequest, slowStart: {window: 30s}, zoneAware: {preferLocal: {}}}",
    { loadBalancing: { kind: "least-request" }, slowStart: 30_000, preferZone: true },
  ],
  [
    "loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP}}",
    { loadBalancing: { kind: "hash", by: "source" } },
  ],
  [
    "loadBalancer: {type: ConsistentHash, consistentHash: {type: Header, header: {name: X-User}}}",
    { loadBalancing: { kind: "hash", by: "header", name: "x-user" } },
  ],
  [
    "loadBalancer: {type: ConsistentHash, consistentHash: {type: Cookie, cookie: {name: U, ttl: 1m}}}",
    { loadBalancing: { kind: "hash", by: "cookie", name: "U", ttl: 60 } },
  ],
  [
    "circuitBreaker: {maxConnections: 1, maxPendingRequests: 2, maxParallelRequests: 3, maxParallelRetries: 0}",
    { circuitBreaker: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: 0 } },
  ],
  ["timeout: {tcp: {connectTimeout: 2s}}", { connectTimeout: 2000 }],
  ["tcpKeepalive: {idleTime: 1m}", { keepalive: { idle: 60_000 } }],
  [
    "healthCheck: {active: {type: HTTP, http: {path: /ok, hostname: h, expectedStatuses: [200, 204]}}}",
    {
      activeHealthCheck: {
        kind: "http",
        timeout: 1000,
        interval: 3000,
        unhealthyThreshold: 3,
        healthyThreshold: 1,
        path: "/ok",
        hostname: "h",
        expectedStatuses: [200, 204],
      },
    },
  ],
  [
    "healthCheck: {active: {type: TCP, timeout: 2s, interval: 4s, unhealthyThreshold: 5, healthyThreshold: 6}}",
    {
      activeHealthCheck: {
        kind: "tcp",
        timeout: 2000,
        interval: 4000,
        unhealthyThreshold: 5,
        healthyThreshold: 6,
      },
    },
  ],
  [
    "healthCheck: {panicThreshold: 50, passive: {consecutive5XxErrors: 3, consecutiveGatewayErrors: 2, interval: 1s, baseEjectionTime: 5s, maxEjectionPercent: 100}}",
    {
      panicThreshold: 50,
      passiveHealthCheck: {
        consecutiveErrors: 3,
        consecutiveGatewayErrors: 2,
        interval: 1000,
        baseEjection: 5000,
        maxEjectedPercent: 100,
      },
    },
  ],
  ["proxyProtocol: {version: V2}", { proxyProtocol: 2 }],
  ["proxyProtocol: {version: V1}", { proxyProtocol: 1 }],
];

const TO_WEB = "{backendRefs: [{name: web, port: 80}]}";

for (const [spec, expected] of DESTINATION)
  test(`BackendTrafficPolicy, for destinations: ${spec}`, () => {
    const references = among(goodPolicy("BackendTrafficPolicy", "p", "Gateway g", spec));
    const { route } = applyPolicies(httpRule(TO_WEB), WEB, references);
    const [destination] = route.needs.destinations.values();
    assert.deepEqual(destination?.policy, expected);
    assert.equal(destination?.key, "service/default/web/80/policy/default.p");
    assert.deepEqual(destination?.origins.at(-1), { kind: "BackendTrafficPolicy", key: "default/p" });
    const { action } = firstRule(route);
    assert.ok(action.kind === "forward");
    assert.equal(action.forward.shares[0]?.destination, destination?.key);
  });

/** Fields that are about requests, of both kinds of policies. */
const ROUTE: [kind: "BackendTrafficPolicy" | "SecurityPolicy", spec: string, expected: object][] = [
  [
    "BackendTrafficPolicy",
    "retry: {}",
    {
      retry: {
        attempts: 2,
        statuses: [503],
        conditions: ["connect-failure", "refused-stream", "unavailable", "cancelled"],
      },
    },
  ],
  [
    "BackendTrafficPolicy",
    "retry: {numRetries: 5, retryOn: {triggers: [5xx, retriable-status-codes], httpStatusCodes: [429]}, perRetry: {timeout: 1s, backOff: {baseInterval: 10ms, maxInterval: 1s}}}",
    {
      retry: {
        attempts: 5,
        statuses: [429],
        conditions: ["5xx"],
        perTryTimeout: 1000,
        backoff: { base: 10, max: 1000 },
      },
    },
  ],
  ["BackendTrafficPolicy", "timeout: {http: {streamIdleTimeout: 5m}}", { idleTimeout: 300_000 }],
  [
    "BackendTrafficPolicy",
    "sessionPersistence: {sessionName: s, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}",
    { sessionPersistence: { by: "cookie", name: "s", path: "/", lifetime: 3600 } },
  ],
  [
    "BackendTrafficPolicy",
    "rateLimit: {type: Local, local: {rules: [{limit: {requests: 10, unit: Second, burst: 20}}]}}",
    { rateLimits: [{ requests: 10, perMilliseconds: 1000, burst: 20 }] },
  ],
  [
    "BackendTrafficPolicy",
    "rateLimit: {type: Local, local: {rules: [{clientSelectors: [{headers: [{name: X-Plan, value: free}, {name: X-User, type: Distinct}], sourceCIDRs: {values: [10.0.0.0/8, 'fd00::/8'], type: Distinct}}], limit: {requests: 1, unit: Hour}}]}}",
    {
      rateLimits: [
        {
          requests: 1,
          perMilliseconds: 3_600_000,
          headers: [
            { name: "x-plan", value: "free" },
            { name: "x-user", distinct: true },
          ],
          sources: ["10.0.0.0/8", "fd00::/8"],
          distinctSource: true,
        },
      ],
    },
  ],
  [
    "SecurityPolicy",
    "cors: {allowOrigins: ['https://a.example'], allowMethods: [GET], maxAge: 10m, allowCredentials: true}",
    {
      cors: {
        allowOrigins: ["https://a.example"],
        allowMethods: ["GET"],
        allowHeaders: [],
        exposeHeaders: [],
        maxAge: 600,
        allowCredentials: true,
      },
    },
  ],
  [
    "SecurityPolicy",
    "authorization: {rules: [{action: Deny, principal: {clientCIDRs: [10.9.0.0/16]}}, {action: Allow, principal: {clientCIDRs: [10.0.0.0/8, 'fd00::/8']}}]}",
    { allowedSources: ["10.0.0.0/8", "fd00::/8"], deniedSources: ["10.9.0.0/16"] },
  ],
  [
    "SecurityPolicy",
    "authorization: {defaultAction: Allow, rules: [{action: Deny, principal: {clientCIDRs: ['fd00::/8']}}]}",
    { deniedSources: ["fd00::/8"] },
  ],
  ["SecurityPolicy", "authorization: {}", { allowedSources: ["192.0.2.0/32", "2001:db8::/128"] }],
];

for (const [kind, spec, expected] of ROUTE)
  test(`${kind}, for requests: ${spec}`, () => {
    const { route } = applyPolicies(httpRule(TO_WEB), WEB, among(goodPolicy(kind, "p", "Gateway g", spec)));
    assert.deepEqual(firstRule(route).policy, expected);
    assert.deepEqual([...route.needs.destinations.keys()], ["service/default/web/80"]);
  });

test("a policy's timeout is for routes that have none, 0 being one", () => {
  const references = among(
    goodPolicy("BackendTrafficPolicy", "p", "Gateway g", "timeout: {http: {requestTimeout: 7s}}"),
  );
  const timeouts = ["", "timeouts: {request: 3s},", "timeouts: {request: 0s},"].map((text) => {
    const { action } = firstRule(
      applyPolicies(httpRule(`{${text} ${TO_WEB.slice(1)}`), WEB, references).route,
    );
    return action.kind === "forward" ? action.http.requestTimeout : undefined;
  });
  assert.deepEqual(timeouts, [7000, 3000, 0]);
});

/** What is wrong with a policy that the schema takes, or cannot know; field and reason. */
const BAD: [
  kind: "ClientTrafficPolicy" | "BackendTrafficPolicy" | "SecurityPolicy",
  target: string,
  spec: string,
  message: string,
][] = [
  [
    "ClientTrafficPolicy",
    "Gateway g",
    "proxyProtocol: {trustedCIDRs: [10.0.0.0/33]}",
    'spec.proxyProtocol.trustedCIDRs[0]: "10.0.0.0/33" is no CIDR',
  ],
  [
    "ClientTrafficPolicy",
    "Gateway g",
    "connection: {bufferLimit: 32X}",
    'spec.connection.bufferLimit: "32X" is no size from 1 to 4294967295 bytes, such as 32Ki',
  ],
  [
    "ClientTrafficPolicy",
    "Gateway g",
    "connection: {bufferLimit: 5G}",
    'spec.connection.bufferLimit: "5G" is no size from 1 to 4294967295 bytes, such as 32Ki',
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "rateLimit: {type: Global}",
    "spec.rateLimit.type: Global is not supported; each proxy counts for itself (Local)",
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "rateLimit: {type: Local, local: {rules: [{limit: {requests: 5, unit: Day, burst: 4}}]}}",
    "spec.rateLimit.local.rules[0].limit.burst: is less than requests (5)",
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "retry: {perRetry: {backOff: {baseInterval: 2s, maxInterval: 1s}}}",
    "spec.retry.perRetry.backOff.maxInterval: is shorter than baseInterval",
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "healthCheck: {active: {type: TCP, interval: 0s}}",
    "spec.healthCheck.active.interval: must be longer than 0",
  ],
  [
    "BackendTrafficPolicy",
    "Service web",
    "retry: {}",
    "spec.retry: is about requests, so it is for Gateways and routes, not for spec.targetRefs[0] (a Service)",
  ],
  [
    "SecurityPolicy",
    "Gateway g",
    "authorization: {rules: [{action: Allow, principal: {clientCIDRs: [10.0.0.0/8]}}, {action: Deny, principal: {clientCIDRs: [10.1.0.0/16]}}]}",
    "spec.authorization.rules[1]: a Deny after an Allow is not supported; put Deny rules first",
  ],
];

for (const [kind, target, spec, message] of BAD)
  test(`a policy that is not valid says field and reason: ${message}`, () => {
    const bad = goodPolicy(kind, "p", target, spec);
    const { facts } = policyVerdict(bad, surroundings(bad));
    assert.deepEqual(facts, [{ type: "Accepted", status: "False", reason: "Invalid", message }]);
  });

/** What the schema refuses, so that it never gets here. */
const REFUSED: [
  kind: "ClientTrafficPolicy" | "BackendTrafficPolicy" | "SecurityPolicy",
  target: string,
  spec: string,
  field: string,
][] = [
  ["ClientTrafficPolicy", "HTTPRoute r", "path: {}", "spec.targetRefs[0]"],
  ["SecurityPolicy", "Service web", "cors: {}", "spec.targetRefs[0]"],
  [
    "ClientTrafficPolicy",
    "Gateway g",
    "clientIPDetection: {xForwardedFor: {}, customHeader: {name: a}}",
    "spec.clientIPDetection",
  ],
  ["ClientTrafficPolicy", "Gateway g", "tls: {minVersion: '1.3', maxVersion: '1.2'}", "spec.tls"],
  ["ClientTrafficPolicy", "Gateway g", "accessLog: {format: {type: JSON}}", "spec.accessLog.format"],
  ["BackendTrafficPolicy", "Gateway g", "loadBalancer: {type: ConsistentHash}", "spec.loadBalancer"],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "loadBalancer: {type: Random, slowStart: {window: 1s}}",
    "spec.loadBalancer",
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "timeout: {tcp: {connectTimeout: soon}}",
    "spec.timeout.tcp.connectTimeout",
  ],
  ["BackendTrafficPolicy", "Gateway g", "healthCheck: {active: {type: HTTP}}", "spec.healthCheck.active"],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "retry: {retryOn: {triggers: [sometimes]}}",
    "spec.retry.retryOn.triggers[0]",
  ],
];

for (const [kind, target, spec, field] of REFUSED)
  test(`the schema refuses ${kind} on ${target}: ${spec}`, () => {
    const errors = schemaErrors(policy(kind, "p", target, spec));
    assert.ok(
      errors.some((error) => error.startsWith(field)),
      errors.join("\n") || "it was taken",
    );
  });

test("a list of networks that knows one family only is in force, and says whom it leaves out", () => {
  const rules = "authorization: {rules: [{action: Allow, principal: {clientCIDRs: [10.0.0.0/8]}}]}";
  const made = goodPolicy("SecurityPolicy", "p", "Gateway g", rules);
  const [fact] = policyVerdict(made, surroundings(made)).facts;
  assert.equal(fact?.status, "True");
  assert.match(
    fact?.message ?? "",
    /spec\.authorization\.rules\[0\]\.principal\.clientCIDRs has no IPv6 network: it lets no client in over IPv6/,
  );
});
