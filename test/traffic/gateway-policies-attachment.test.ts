import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applyPolicies,
  clientSettings,
  type PolicyObject,
  policyVerdict,
} from "../../src/traffic/gateway/policies/index.ts";
import { translateRoute } from "../../src/traffic/gateway/routes/index.ts";
import { among, EXTRA, goodPolicy, policy, surroundings, WEB } from "./gateway-policies-fixtures.ts";
import { firstRule, httpRule, objects, references, route } from "./gateway-routes-fixtures.ts";

const TO_WEB = "{backendRefs: [{name: web, port: 80}]}";
const OLD = "2026-01-01T00:00:00Z";
const NEW = "2026-01-01T00:00:01Z";

/** A policy whose timeout tells it from others. */
const timeout = (seconds: number, target: string | string[], created?: string) =>
  goodPolicy(
    "BackendTrafficPolicy",
    `t${seconds}`,
    target,
    `timeout: {http: {requestTimeout: ${seconds}s}}`,
    created,
  );

function requestTimeout(policies: PolicyObject[], site = WEB, rule = TO_WEB): number | undefined {
  const { action } = firstRule(applyPolicies(httpRule(rule), site, among(...policies)).route);
  return action.kind === "forward" ? action.http.requestTimeout : undefined;
}

const NAMED = `{name: named, ${TO_WEB.slice(1)}`;
/** From the least to the most specific target of a rule. */
const LEVELS = ["Gateway g", "Gateway g web", "HTTPRoute r", "HTTPRoute r named"];

for (const [index, target] of LEVELS.entries())
  test(`${target} comes before all that is wider`, () => {
    const policies = LEVELS.slice(0, index + 1).map((level, place) => timeout(place + 1, level));
    assert.equal(requestTimeout(policies, WEB, NAMED), (index + 1) * 1000);
    assert.equal(requestTimeout(policies.reverse(), WEB, NAMED), (index + 1) * 1000, "whatever the order");
  });

test("a ListenerSet's listener comes before the ListenerSet, and this before the Gateway", () => {
  const all = [timeout(1, "Gateway g"), timeout(2, "ListenerSet more"), timeout(3, "ListenerSet more extra")];
  assert.deepEqual(
    [1, 2, 3].map((count) => requestTimeout(all.slice(0, count), EXTRA)),
    [1000, 2000, 3000],
  );
  assert.equal(requestTimeout(all), 1000, "other listeners of the Gateway have nothing of it");
});

test("policies of other sections, objects and namespaces are not in force", () => {
  const elsewhere = timeout(5, "Gateway g");
  elsewhere.metadata = { ...elsewhere.metadata, namespace: "other" };
  const policies = [
    timeout(1, "Gateway g other"),
    timeout(2, "Gateway h"),
    timeout(3, "GRPCRoute r"),
    timeout(4, "HTTPRoute r named"),
    elsewhere,
  ];
  const translated = httpRule(TO_WEB);
  const result = applyPolicies(translated, WEB, among(...policies));
  assert.equal(result.route, translated, "the very same object");
});

test("on one target the oldest is in force, the others are Conflicted", () => {
  const [younger, older] = [timeout(1, "Gateway g", NEW), timeout(2, "Gateway g", OLD)];
  assert.equal(requestTimeout([younger, older]), 2000);
  const reasons = [younger, older].map((each) => policyVerdict(each, surroundings(younger, older)).facts[0]);
  assert.deepEqual(
    reasons.map((fact) => fact?.reason),
    ["Conflicted", "Accepted"],
  );
  assert.equal(reasons[0]?.message, "Gateway g has the older BackendTrafficPolicy t2");
});

test("a narrower policy replaces a wider one as a whole, which is Overridden then", () => {
  const wide = goodPolicy(
    "BackendTrafficPolicy",
    "wide",
    "Gateway g",
    "retry: {}, circuitBreaker: {maxConnections: 1}",
  );
  const narrow = timeout(1, "HTTPRoute r");
  const { route: result } = applyPolicies(httpRule(TO_WEB), WEB, among(wide, narrow));
  assert.equal(firstRule(result).policy, undefined);
  assert.deepEqual([...result.needs.destinations.keys()], ["service/default/web/80"]);
  const { facts, lookups } = policyVerdict(wide, surroundings(wide, narrow));
  assert.deepEqual(
    facts.map(({ type, status, reason }) => [type, status, reason]),
    [
      ["Accepted", "True", "Accepted"],
      ["Overridden", "True", "Overridden"],
    ],
  );
  assert.equal(facts[1]?.message, "Overridden by BackendTrafficPolicy default/t1 on HTTPRoute r");
  assert.deepEqual([...lookups].sort(), ["Policies/Gateway/default/g"]);
  assert.equal(policyVerdict(narrow, surroundings(wide, narrow)).facts.length, 1);
});

test("what a route says itself comes before any policy", () => {
  const policies = among(
    goodPolicy("BackendTrafficPolicy", "b", "HTTPRoute r", "retry: {numRetries: 9}"),
    goodPolicy(
      "SecurityPolicy",
      "s",
      "HTTPRoute r",
      "cors: {maxAge: 9s}, authorization: {defaultAction: Allow}",
    ),
  );
  const rule = `{retry: {attempts: 1}, filters: [{type: CORS, cors: {maxAge: 1}}], ${TO_WEB.slice(1)}`;
  const { policy: result } = firstRule(applyPolicies(httpRule(rule), WEB, policies).route);
  assert.equal(result?.retry?.attempts, 1);
  assert.equal(result?.cors?.maxAge, 1);
});

test("a Service's own policy comes before all for its destinations, and that of its port before it", () => {
  const limit = (name: string, target: string, value: number) =>
    goodPolicy("BackendTrafficPolicy", name, target, `circuitBreaker: {maxConnections: ${value}}`);
  const all = [
    limit("g", "Gateway g", 1),
    limit("r", "HTTPRoute r", 2),
    limit("s", "Service api", 3),
    limit("p", "Service api http", 4),
  ];
  const seen = [1, 2, 3, 4].map((count) => {
    const { route: result } = applyPolicies(
      httpRule("{backendRefs: [{name: api, port: 80}, {name: web, port: 80}]}"),
      WEB,
      among(...all.slice(0, count)),
    );
    return [...result.needs.destinations.values()].map(({ key, policy: of }) => [
      key.split("/policy/")[1],
      of?.circuitBreaker?.maxConnections,
    ]);
  });
  assert.deepEqual(seen, [
    [
      ["default.g", 1],
      ["default.g", 1],
    ],
    [
      ["default.r", 2],
      ["default.r", 2],
    ],
    [
      ["default.s", 3],
      ["default.r", 2],
    ],
    [
      ["default.p", 4],
      ["default.r", 2],
    ],
  ]);
});

test("the rules of one route may differ, and keep apart what they share", () => {
  const rules = `${NAMED}, ${TO_WEB}`;
  const breaker = goodPolicy(
    "BackendTrafficPolicy",
    "b",
    "HTTPRoute r named",
    "circuitBreaker: {maxConnections: 1}",
  );
  const before = httpRule(rules);
  const { route: result } = applyPolicies(before, WEB, among(breaker));
  assert.deepEqual(
    [...result.needs.destinations.keys()],
    ["service/default/web/80/policy/default.b", "service/default/web/80"],
  );
  assert.equal(result.rules[1], before.rules[1], "what no policy is for stays as it is");
});

test("mirrors go where the policies of their Services say", () => {
  const rule = `{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}}}], ${TO_WEB.slice(1)}`;
  const breaker = goodPolicy(
    "BackendTrafficPolicy",
    "b",
    "Service api",
    "circuitBreaker: {maxConnections: 1}",
  );
  const { route: result } = applyPolicies(httpRule(rule), WEB, among(breaker));
  const { action } = firstRule(result);
  assert.ok(action.kind === "forward");
  assert.equal(action.http.mirrors[0]?.destination, "service/default/api/80/policy/default.b");
  assert.equal(action.forward.shares[0]?.destination, "service/default/web/80");
});

test("streams have the policies of their destinations", () => {
  const object = route("TCPRoute", "{rules: [{backendRefs: [{name: web, port: 80}]}]}");
  const translated = translateRoute(object, references());
  const proxied = goodPolicy("BackendTrafficPolicy", "b", "TCPRoute r", "proxyProtocol: {version: V2}");
  const { stream } = applyPolicies(translated, WEB, among(proxied)).route;
  const key = "service/default/web/80/stream/policy/default.b";
  assert.deepEqual(stream?.terminated.forward.shares, [{ weight: 1, destination: key }]);
  assert.equal(stream?.passthrough.needs.destinations.get(key)?.policy?.proxyProtocol, 2);
});

test("a preferred family is one of the destination, after the annotations", () => {
  const prefer = goodPolicy("BackendTrafficPolicy", "b", "Gateway g", "preferFamily: IPv6");
  const families = [undefined, { "tandem.dev/prefer-family": "IPv4" }].map((annotations) => {
    const object = route("HTTPRoute", `{rules: [${TO_WEB}]}`, annotations);
    const { needs } = applyPolicies(translateRoute(object, references()), WEB, among(prefer)).route;
    return [...needs.destinations.values()][0]?.preferFamily;
  });
  assert.deepEqual(families, ["IPv6", "IPv4"]);
});

test("a policy that is not valid is passed over, but a SecurityPolicy lets nobody past it", () => {
  const wide = timeout(1, "Gateway g");
  const bad = goodPolicy("BackendTrafficPolicy", "bad", "HTTPRoute r", "rateLimit: {type: Global}");
  assert.equal(requestTimeout([wide, bad]), 1000);
  const open = goodPolicy("SecurityPolicy", "open", "Gateway g", "authorization: {defaultAction: Allow}");
  const closed = policy(
    "SecurityPolicy",
    "bad",
    "HTTPRoute r",
    "authorization: {rules: [{action: Allow, principal: {clientCIDRs: [x]}}]}",
  );
  const { route: result } = applyPolicies(httpRule(TO_WEB), WEB, among(open, closed));
  assert.deepEqual(firstRule(result).action, { kind: "answer", status: 500 });
  assert.equal(result.needs.destinations.size, 0);
});

test("a listener's ClientTrafficPolicy comes before the Gateway's", () => {
  const make = (name: string, target: string, hops: number) =>
    goodPolicy(
      "ClientTrafficPolicy",
      name,
      target,
      `clientIPDetection: {xForwardedFor: {numTrustedHops: ${hops}}}`,
    );
  const all = among(
    make("a", "Gateway g", 1),
    make("b", "Gateway g other", 2),
    make("c", "ListenerSet more", 3),
  );
  const hops = [WEB, { ...WEB, listener: "other" }, EXTRA].map(
    (site) => clientSettings(site, all).policy?.clientAddress?.trustedHops,
  );
  assert.deepEqual(hops, [1, 2, 3]);
  assert.deepEqual([...clientSettings(EXTRA, all).lookups], ["Policies/ListenerSet/default/more"]);
});

test("targets that are not there, whole or in part", () => {
  const verdict = (targets: string[]) => {
    const made = timeout(1, targets);
    const [fact] = policyVerdict(made, surroundings(made)).facts;
    return [fact?.status, fact?.reason, fact?.message];
  };
  assert.deepEqual(verdict(["HTTPRoute none"]), ["False", "TargetNotFound", "HTTPRoute none does not exist"]);
  assert.deepEqual(verdict(["Gateway g nine"]), [
    "False",
    "TargetNotFound",
    "Gateway g has no section nine (it has: web, other)",
  ]);
  assert.deepEqual(verdict(["Gateway g", "HTTPRoute none"]), [
    "True",
    "Accepted",
    "The policy is in force; HTTPRoute none does not exist",
  ]);
});

test("parts are the same objects while nothing changes, and after a policy's status did", () => {
  const made = goodPolicy(
    "BackendTrafficPolicy",
    "b",
    "Gateway g",
    "retry: {}, circuitBreaker: {maxConnections: 1}",
  );
  made.metadata.generation = 1;
  const translated = httpRule(TO_WEB);
  const once = applyPolicies(translated, WEB, among(made)).route;
  assert.equal(applyPolicies(translated, WEB, among(made)).route, once);
  const withStatus = { ...made, status: { ancestors: [] } };
  assert.equal(applyPolicies(translated, WEB, among(withStatus)).route, once);
  const changed = {
    ...made,
    metadata: { ...made.metadata, generation: 2 },
    spec: { ...made.spec, retry: { numRetries: 7 } },
  };
  const next = applyPolicies(translated, WEB, among(changed)).route;
  assert.equal(firstRule(next).policy?.retry?.attempts, 7);
  const again = applyPolicies(httpRule(TO_WEB), WEB, among(made)).route;
  assert.deepEqual(again, once);
});

test("lookups name the targets that a route's policies may be on, there or not", () => {
  const backend = objects(
    "{kind: Backend, metadata: {name: b}, spec: {endpoints: [{fqdn: b.example, port: 80}]}}",
  );
  const translated = httpRule(
    "{backendRefs: [{name: web, port: 80}, {group: tandem.dev, kind: Backend, name: b}]}",
    ...backend,
  );
  assert.deepEqual([...applyPolicies(translated, EXTRA, among()).lookups].sort(), [
    "Policies/Backend/default/b",
    "Policies/Gateway/default/g",
    "Policies/HTTPRoute/default/r",
    "Policies/ListenerSet/default/more",
    "Policies/Service/default/web",
  ]);
});
