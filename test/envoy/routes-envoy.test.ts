import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Resource } from "../../src/envoy/resources.ts";
import { emptyModel, isReport, objectsOf, take } from "../traffic/gateway/text.ts";
import { ENVOY } from "./ads-envoy.ts";
import { askEnvoy, resourcesOf } from "./judge.ts";

const TO_WEB = "backendRefs: [{name: web, port: 80}]";
const filtered = (filter: string) => `{filters: [${filter}], ${TO_WEB}}`;
const matched = (match: string) => `{matches: [${match}], ${TO_WEB}}`;
const header = (kind: "Request" | "Response", changes: string) =>
  filtered(`{type: ${kind}HeaderModifier, ${kind.toLowerCase()}HeaderModifier: {${changes}}}`);
const redirected = (path: string, prefix: string) =>
  `{matches: [{path: {value: '${prefix}'}}], filters: [{type: RequestRedirect, requestRedirect: {path: ${path}}}]}`;
const rewritten = (path: string, prefix: string) =>
  `{matches: [{path: {value: '${prefix}'}}], filters: [{type: URLRewrite, urlRewrite: {path: ${path}}}], ${TO_WEB}}`;

/** Values at the ends of what the schema takes: either the rule is refused with a reason, or Envoy takes it. */
const HTTP_RULES = [
  ...["/a%20b;c=d", "/a%20b;c=d/", "/a.b(c$)*+"].map((path) => matched(`{path: {value: '${path}'}}`)),
  matched("{path: {type: Exact, value: '/a;b,c'}}"),
  ...[
    "",
    "a(b|c)*[[:alpha:]]{2,3}",
    "(a{1000}){10}",
    "((a{100}){100}){10}",
    "(?:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa){1000}",
    "(?P<n>a)(?<m>b)\\pL\\p{Greek}",
    "[\\d-z]\\Qa(\\E",
    "(?!a)",
    "\\C",
  ].map((regex) => matched(`{path: {type: RegularExpression, value: '${regex}'}}`)),
  matched('{headers: [{name: a, value: "x\\ny"}, {name: "b!#$", value: é}]}'),
  matched("{headers: [{name: host, value: a}, {name: ':path', value: a}]}"),
  matched("{headers: [{name: a, type: RegularExpression, value: ''}]}"),
  matched('{queryParams: [{name: a, value: "x\\ny"}]}'),
  matched("{queryParams: [{name: a, type: RegularExpression, value: ''}]}"),
  ...["CONNECT", "TRACE"].map((method) => matched(`{method: ${method}}`)),
  header(
    "Request",
    "set: [{name: a, value: ''}, {name: b, value: '%'}, {name: c, value: '%REQ(x'}], add: [{name: a, value: é}]",
  ),
  header("Request", 'set: [{name: a, value: "x\\ny"}]'),
  header("Request", "remove: [host]"),
  header("Request", "remove: [':path']"),
  header("Request", "set: [{name: connection, value: x}, {name: transfer-encoding, value: y}]"),
  header("Response", "set: [{name: host, value: a}]"),
  header("Response", "set: [{name: ':status', value: '200'}]"),
  ...["/a?b#c d%", "", "x y", '"'].map((path) =>
    redirected(`{type: ReplaceFullPath, replaceFullPath: '${path}'}`, "/"),
  ),
  ...["/x\\1y?z", "", "/"].map((path) =>
    redirected(`{type: ReplacePrefixMatch, replacePrefixMatch: '${path}'}`, "/a.b(c"),
  ),
  ...["/x\\1y?q=1", "", "x y"].map((path) =>
    rewritten(`{type: ReplaceFullPath, replaceFullPath: '${path}'}`, "/"),
  ),
  ...["/x\\1y", "", "/"].map((path) =>
    rewritten(`{type: ReplacePrefixMatch, replacePrefixMatch: '${path}'}`, "/a.b(c"),
  ),
  ...["2147483647", "1"].map((numerator) =>
    filtered(
      `{type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}, fraction: {numerator: ${numerator}, denominator: 2147483647}}}`,
    ),
  ),
  filtered(
    "{type: CORS, cors: {allowOrigins: ['http://[::1]:80', 'https://*.a(b', 'https://*'], maxAge: 2147483647}}",
  ),
  filtered('{type: CORS, cors: {allowOrigins: ["*"], allowCredentials: true, allowHeaders: ["x\\ny"]}}'),
  "{backendRefs: [{name: web, port: 80, weight: 1000000}, {name: web, port: 80, weight: 1000000}, {name: none, port: 1, weight: 1000000}]}",
  `{timeouts: {request: 99999h99999h99999h99999h, backendRequest: 99999h}, ${TO_WEB}}`,
  `{timeouts: {request: 1ms, backendRequest: 1ms}, retry: {attempts: 2147483647, codes: [400, 599], backoff: 1ms}, ${TO_WEB}}`,
  `{retry: {attempts: 5000000000}, ${TO_WEB}}`,
  `{retry: {backoff: 99999h99999h}, ${TO_WEB}}`,
  `{sessionPersistence: {sessionName: 'a b;c'}, ${TO_WEB}}`,
  `{sessionPersistence: {type: Header, sessionName: 'X:y'}, ${TO_WEB}}`,
  `{matches: [{path: {type: Exact, value: '/a;b=c,d'}}], sessionPersistence: {sessionName: s}, ${TO_WEB}}`,
  `{sessionPersistence: {absoluteTimeout: 99999h99999h99999h99999h, cookieConfig: {lifetimeType: Permanent}}, ${TO_WEB}}`,
];

const GRPC_RULES = [
  "{type: RegularExpression, method: 'a|b'}",
  "{service: '.a_b', method: X}",
  "{service: 'a/b', method: 'c d'}",
  "{method: 'c(d'}",
  "{type: RegularExpression, service: '(a'}",
].map((method) => matched(`{method: ${method}}`));

const CASES = [
  ...HTTP_RULES.map((rule) => ["HTTPRoute", rule] as const),
  ...GRPC_RULES.map((rule) => ["GRPCRoute", rule] as const),
];

/** All that a proxy has with a rule beside a good route. */
async function resourcesWith(kind: string, rule: string): Promise<Resource[]> {
  const model = emptyModel();
  const objects = objectsOf(`
{kind: Gateway, metadata: {name: g}, spec: {gatewayClassName: tandem, listeners: [{name: web, port: 80, protocol: HTTP}]}}
---
{kind: HTTPRoute, metadata: {name: good}, spec: {parentRefs: [{name: g}], rules: [{${TO_WEB}}]}}
---
{kind: ${kind}, metadata: {name: odd}, spec: {parentRefs: [{name: g}], hostnames: [odd.example], rules: [${rule}]}}
`);
  for (const object of objects) if (!isReport(object)) take(model, object);
  return resourcesOf(model.flush().proxies.get("default/g"));
}

describe("what Envoy says to routes", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  const refusedOf = askEnvoy();

  for (const [kind, rule] of CASES)
    test(`Envoy takes what is made of ${kind} ${rule}`, { timeout: 300_000 }, async () => {
      assert.deepEqual(await refusedOf(await resourcesWith(kind, rule)), []);
    });
});
