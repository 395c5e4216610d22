import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultDefinition } from "../../src/objects/crd/definition/defaults.ts";
import { validateDefinition } from "../../src/objects/crd/definition/validate.ts";
import type { Definition } from "../../src/objects/crd/index.ts";
import { applyPolicies, clientSettings, policyVerdict } from "../../src/traffic/gateway/policies/index.ts";
import { logFormatProblem } from "../../src/traffic/gateway/policies/log-format.ts";
import { CLIENT, DESTINATION, ROUTE } from "./gateway-policies-cases.ts";
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

for (const [spec, expected] of CLIENT)
  test(`ClientTrafficPolicy: ${spec}`, () => {
    const { lookups: _, ...settings } = clientSettings(
      WEB,
      among(goodPolicy("ClientTrafficPolicy", "p", "Gateway g", spec)),
    );
    assert.deepEqual(settings, expected);
  });

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
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "timeout: {tcp: {unacknowledgedTimeout: 597h}}",
    "spec.timeout.tcp.unacknowledgedTimeout: is longer than 2147483s, which is all that the kernel takes",
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "tcpKeepalive: {idleTime: 10h}",
    "spec.tcpKeepalive.idleTime: is longer than 32767s, which is all that the kernel takes",
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "sessionPersistence: {absoluteTimeout: 0s, cookieConfig: {lifetimeType: Permanent}}",
    "spec.sessionPersistence.absoluteTimeout: must be longer than 0",
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "healthCheck: {active: {type: HTTP, http: {path: /a b}}}",
    "spec.healthCheck.active.http.path: has spaces, or characters that no request can have",
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    'healthCheck: {active: {type: HTTP, http: {path: /, hostname: "a\\nb"}}}',
    "spec.healthCheck.active.http.hostname: has spaces, or characters that no request can have",
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "rateLimit: {type: Local, local: {rules: [{clientSelectors: [{sourceCIDR: {value: fe80::1%eth0}}], limit: {requests: 1, unit: Day}}]}}",
    'spec.rateLimit.local.rules[0].clientSelectors[0].sourceCIDR.value: "fe80::1%eth0" is no CIDR',
  ],
  [
    "BackendTrafficPolicy",
    "Gateway g",
    "rateLimit: {type: Local, local: {rules: [{clientSelectors: [{sourceCIDRs: {values: ['::/0', here]}}], limit: {requests: 1, unit: Day}}]}}",
    'spec.rateLimit.local.rules[0].clientSelectors[0].sourceCIDRs.values[1]: "here" is no CIDR',
  ],
  [
    "SecurityPolicy",
    "Gateway g",
    "authorization: {defaultAction: Allow, rules: [{action: Deny, principal: {clientCIDRs: ['::ffff:10.0.0.0/104']}}]}",
    'spec.authorization.rules[0].principal.clientCIDRs[0]: "::ffff:10.0.0.0/104" holds IPv4-mapped addresses, which no client has; write 10.0.0.0/8',
  ],
  [
    "SecurityPolicy",
    "Gateway g",
    "cors: {allowOrigins: [shop.example]}",
    'spec.cors.allowOrigins[0]: "shop.example" is no origin such as https://shop.example or https://*.example:8443',
  ],
  [
    "SecurityPolicy",
    "Gateway g",
    "cors: {allowOrigins: ['*', 'null'], allowMethods: [GE T]}",
    'spec.cors.allowMethods[0]: "GE T" is no method',
  ],
  [
    "SecurityPolicy",
    "Gateway g",
    "cors: {allowHeaders: ['*', 'a:b']}",
    'spec.cors.allowHeaders[1]: "a:b" is no name of a header',
  ],
  // as the API server keeps one that said `jwt` alone
  [
    "SecurityPolicy",
    "Gateway g",
    "",
    "spec: says nothing: fields that are not known (oidc, wasm, …) are not kept; to let everybody in, authorization: {defaultAction: Allow}",
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

test("a SecurityPolicy that is not valid lets nobody in, and nothing of it is in force", () => {
  const spec =
    "cors: {allowOrigins: ['*']}, authorization: {rules: [{action: Allow, principal: {clientCIDRs: [no]}}]}";
  const references = among(goodPolicy("SecurityPolicy", "p", "Gateway g", spec));
  const { action, policy: inForce } = firstRule(applyPolicies(httpRule(TO_WEB), WEB, references).route);
  assert.deepEqual({ action, inForce }, { action: { kind: "answer", status: 500 }, inForce: undefined });
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

/** Each was put to Envoy 1.40. */
const FORMATS: [text: string, good: boolean][] = [
  ["nothing", true],
  ["100%%", true],
  ["100%", false],
  ["%BYTES_SENT%%DURATION%", true],
  ["%BYTES_SENT(x)%", false],
  ["%DURATION:3%", false],
  ["%DOWNSTREAM_REMOTE_ADDRESS% %UPSTREAM_HOST%", true],
  ["%NO_SUCH_THING%", false],
  ["%REQ%", false],
  ["%REQ()%", false],
  ["%REQ(a?b?c)%", false],
  ["%REQ(a:b)%", false],
  ["%REQ(a", false],
  ["%START_TIME(%Y-%m)%", true],
  ["%UPSTREAM_METADATA(a:b):9%", false],
  ["%FILTER_STATE(a:PLAIN)%", true],
  ["%FILTER_STATE(a:BAD)%", false],
  ["%COMMON_DURATION(DS_RX_BEG:DS_RX_END:us)%", true],
  ["%METADATA(ROUTE:a)%", true],
];

for (const [text, good] of FORMATS)
  test(`a format of access logs that Envoy ${good ? "takes" : "refuses"}: ${text}`, () => {
    assert.equal(logFormatProblem(text) === undefined, good, logFormatProblem(text));
  });
