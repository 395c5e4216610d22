import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration, ruleOnListener, translateRoute } from "../../src/traffic/gateway/routes/index.ts";
import { firstForward, firstRule, httpRule, references, route } from "./gateway-routes-fixtures.ts";

const TO_WEB = "backendRefs: [{name: web, port: 80}]";
const filtered = (filters: string, rest = TO_WEB) => httpRule(`{filters: [${filters}], ${rest}}`);

test("headers are changed on the rule, in requests and responses", () => {
  const modifier = "{set: [{name: A, value: x}], add: [{name: B, value: y}], remove: [C]}";
  const rule = firstRule(
    filtered(
      `{type: RequestHeaderModifier, requestHeaderModifier: ${modifier}}, {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [D]}}`,
    ),
  );
  assert.deepEqual(rule.requestHeaders, {
    set: [{ name: "A", value: "x" }],
    add: [{ name: "B", value: "y" }],
    remove: ["C"],
  });
  assert.deepEqual(rule.responseHeaders, { remove: ["D"] });
});

test("headers are changed for one backend of several", () => {
  const filters =
    "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: V, value: '1'}]}}]";
  const { forward } = firstForward(
    httpRule(`{backendRefs: [{name: web, port: 80, ${filters}}, {name: api, port: 80, weight: 3}]}`),
  );
  assert.deepEqual(forward.shares, [
    {
      weight: 1,
      destination: "service/default/web/80",
      requestHeaders: { set: [{ name: "V", value: "1" }] },
    },
    { weight: 3, destination: "service/default/api/80" },
  ]);
});

const REWRITES: [name: string, path: string, rewrite: string, expected: object][] = [
  ["the host", "/", "{hostname: a.example}", { hostRewrite: "a.example" }],
  [
    "the whole path",
    "/a",
    "{path: {type: ReplaceFullPath, replaceFullPath: /b}}",
    { pathRewrite: { kind: "full", value: "/b" } },
  ],
  [
    "a prefix, without trailing slashes",
    "/a/",
    "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /b/}}",
    { pathRewrite: { kind: "prefix", prefix: "/a", value: "/b" } },
  ],
  [
    "a prefix by nothing",
    "/a",
    "{path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}}",
    { pathRewrite: { kind: "prefix", prefix: "/a", value: "/" } },
  ],
];

for (const [name, path, rewrite, expected] of REWRITES)
  test(`URLRewrite rewrites ${name}`, () => {
    const { http } = firstForward(
      filtered(
        `{type: URLRewrite, urlRewrite: ${rewrite}}`,
        `matches: [{path: {value: ${path}}}], ${TO_WEB}`,
      ),
    );
    assert.deepEqual(http, { mirrors: [], websocket: true, ...expected });
  });

test("a prefix is replaced for each match by its own", () => {
  const { rules } = filtered(
    "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /c}}}",
    `matches: [{path: {value: /a}}, {path: {value: /b}}], ${TO_WEB}`,
  );
  const prefixes = rules.map(({ rule }) =>
    rule.action.kind === "forward" && rule.action.http.pathRewrite?.kind === "prefix"
      ? rule.action.http.pathRewrite.prefix
      : undefined,
  );
  assert.deepEqual(prefixes, ["/a", "/b"]);
});

const LISTENERS = {
  http: { port: 80, scheme: "http" },
  alt: { port: 8080, scheme: "http" },
  https: { port: 443, scheme: "https" },
} as const;
/** What HTTPRequestRedirectFilter says about `port`; undefined: none in `Location`. */
const REDIRECTS: [redirect: string, listener: keyof typeof LISTENERS, expected: object][] = [
  ["{}", "http", { status: 302 }],
  ["{}", "alt", { status: 302, port: 8080 }],
  ["{}", "https", { status: 302 }],
  ["{port: 80}", "http", { status: 302 }],
  ["{port: 80}", "alt", { status: 302, port: 80 }],
  ["{hostname: a.example, port: 80}", "alt", { status: 302, hostname: "a.example" }],
  ["{port: 8080}", "http", { status: 302, port: 8080 }],
  ["{scheme: https}", "http", { status: 302, scheme: "https" }],
  ["{scheme: https}", "alt", { status: 302, scheme: "https", port: 443 }],
  ["{scheme: https, port: 8443}", "http", { status: 302, scheme: "https", port: 8443 }],
  ["{scheme: http}", "https", { status: 302, scheme: "http" }],
  ["{port: 80}", "https", { status: 302, port: 80 }],
  ["{statusCode: 308, hostname: a.example}", "http", { status: 308, hostname: "a.example" }],
  [
    "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}",
    "http",
    { status: 302, path: { kind: "prefix", prefix: "/old", value: "/new" } },
  ],
  [
    "{path: {type: ReplaceFullPath, replaceFullPath: /new}}",
    "http",
    { status: 302, path: { kind: "full", value: "/new" } },
  ],
];

for (const [redirect, listener, expected] of REDIRECTS)
  test(`redirect ${redirect} on the ${listener} listener`, () => {
    const rule = firstRule(
      filtered(`{type: RequestRedirect, requestRedirect: ${redirect}}`, "matches: [{path: {value: /old}}]"),
    );
    const served = ruleOnListener(rule, LISTENERS[listener]);
    assert.deepEqual(served.action, { kind: "redirect", redirect: expected });
    assert.equal(ruleOnListener(rule, LISTENERS[listener]), served, "asked twice, it is the same object");
  });

test("requests are mirrored, by percent, fraction, or all", () => {
  const mirror = (rest: string) =>
    `{type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}${rest}}}`;
  const { http } = firstForward(
    filtered(
      [
        mirror(""),
        mirror(", percent: 20"),
        mirror(", fraction: {numerator: 1, denominator: 3}"),
        mirror(", percent: 0"),
      ].join(", "),
    ),
  );
  const destination = "service/default/api/80";
  assert.deepEqual(http.mirrors, [
    { destination, numerator: 100, denominator: 100 },
    { destination, numerator: 20, denominator: 100 },
    { destination, numerator: 1, denominator: 3 },
  ]);
});

test("a mirror to nowhere is dropped, and said; requests pass", () => {
  const translated = filtered("{type: RequestMirror, requestMirror: {backendRef: {name: none, port: 80}}}");
  assert.deepEqual(firstForward(translated).http.mirrors, []);
  assert.deepEqual(translated.conditions.resolvedRefs, {
    status: "False",
    reason: "BackendNotFound",
    message: "spec.rules[0].filters[0].requestMirror.backendRef: Service default/none does not exist",
  });
});

test("CORS has the defaults of the specification", () => {
  const cors = (text: string) => firstRule(filtered(`{type: CORS, cors: ${text}}`)).policy?.cors;
  assert.deepEqual(
    cors("{allowOrigins: ['https://*.a.example'], allowMethods: ['*'], allowCredentials: true, maxAge: 9}"),
    {
      allowOrigins: ["https://*.a.example"],
      allowMethods: ["*"],
      allowHeaders: [],
      exposeHeaders: [],
      maxAge: 9,
      allowCredentials: true,
    },
  );
  assert.equal(cors("{}")?.maxAge, 5);
});

test("timeouts and retries of a rule", () => {
  const rule = firstRule(
    httpRule(
      `{timeouts: {request: 10s, backendRequest: 500ms}, retry: {codes: [500, 503], attempts: 3, backoff: 25ms}, ${TO_WEB}}`,
    ),
  );
  assert.deepEqual(rule.policy?.retry, {
    attempts: 3,
    statuses: [500, 503],
    conditions: ["connect-failure", "refused-stream", "reset"],
    perTryTimeout: 500,
    backoff: { base: 25 },
  });
  const { action } = rule;
  assert.ok(action.kind === "forward");
  assert.deepEqual([action.http.requestTimeout, action.http.backendTimeout], [10_000, 500]);
});

test("a timeout of zero is none, which is not the same as not saying", () => {
  const { http } = firstForward(httpRule(`{timeouts: {request: 0s}, ${TO_WEB}}`));
  assert.equal(http.requestTimeout, 0);
  assert.equal("requestTimeout" in firstForward(httpRule(`{${TO_WEB}}`)).http, false);
});

test("sessions stick by cookie or header", () => {
  const session = (text: string) =>
    httpRule(`{matches: [{path: {value: /shop}}], sessionPersistence: ${text}, ${TO_WEB}}`);
  assert.deepEqual(firstRule(session("{}")).policy?.sessionPersistence, {
    by: "cookie",
    name: "tandem-session-default-r-0",
    path: "/shop",
  });
  const permanent = "{sessionName: s, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}";
  assert.equal(firstRule(session(permanent)).policy?.sessionPersistence?.lifetime, 3600);
  assert.deepEqual(firstRule(session("{type: Header, sessionName: s}")).policy?.sessionPersistence, {
    by: "header",
    name: "s",
  });
  const ignored = session("{absoluteTimeout: 1h}").conditions.resolvedRefs;
  assert.equal(ignored.status, "True");
  assert.match(ignored.message, /absoluteTimeout is in force for Permanent cookies only/);
});

const REFUSED: [rule: string, field: string, reason?: string][] = [
  [`{filters: [{type: Foo}], ${TO_WEB}}`, "filters[0].type"],
  [`{filters: [{type: ExternalAuth}], ${TO_WEB}}`, "filters[0].type"],
  [
    "{filters: [{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, urlRewrite: {hostname: a}}]}",
    "filters",
    "IncompatibleFilters",
  ],
  ["{filters: [{type: CORS, cors: {}}, {type: CORS, cors: {}}]}", "filters[1].type", "IncompatibleFilters"],
  [
    "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Host, value: a}]}}]}",
    "filters[0].requestHeaderModifier.set[0]",
  ],
  [
    '{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: A, value: "b\\nc"}]}}]}',
    "filters[0].requestHeaderModifier.add[0]",
  ],
  [
    "{filters: [{type: RequestRedirect, requestRedirect: {statusCode: 300}}]}",
    "filters[0].requestRedirect.statusCode",
  ],
  [
    "{filters: [{type: RequestRedirect, requestRedirect: {scheme: ftp}}]}",
    "filters[0].requestRedirect.scheme",
  ],
  ["{filters: [{type: URLRewrite, urlRewrite: {path: {type: Foo}}}]}", "filters[0].urlRewrite.path.type"],
  [
    "{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}",
    "matches[0].path.type",
  ],
  [
    `{backendRefs: [{name: web, port: 80, filters: [{type: URLRewrite, urlRewrite: {hostname: a}}]}]}`,
    "backendRefs[0].filters[0].type",
  ],
  [`{timeouts: {request: 5}, ${TO_WEB}}`, "timeouts.request"],
  [`{retry: {backoff: soon}, ${TO_WEB}}`, "retry.backoff"],
  ["{filters: [{type: CORS, cors: {allowOrigins: [nowhere]}}]}", "filters[0].cors.allowOrigins[0]"],
  [
    "{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}, fraction: {numerator: 2, denominator: 1}}}]}",
    "filters[0].requestMirror",
  ],
];

for (const [rule, field, reason = "UnsupportedValue"] of REFUSED)
  test(`refused with field and reason: ${rule}`, () => {
    const { conditions, rules } = httpRule(rule);
    assert.deepEqual(rules, []);
    assert.equal(conditions.notAccepted?.reason, reason);
    assert.equal(
      conditions.notAccepted?.message.startsWith(`spec.rules[0].${field}: `),
      true,
      conditions.notAccepted?.message,
    );
  });

test("requests never get past an extension that is not known", () => {
  const translated = filtered("{type: ExtensionRef, extensionRef: {group: a.example, kind: Wall, name: w}}");
  assert.deepEqual(firstRule(translated).action, { kind: "answer", status: 500 });
  assert.equal(translated.conditions.notAccepted, undefined);
  assert.equal(translated.conditions.resolvedRefs.reason, "InvalidKind");
  assert.match(
    translated.conditions.resolvedRefs.message,
    /filters\[0\]\.extensionRef: Wall w of a\.example/,
  );
});

test("gRPC knows no redirects", () => {
  const object = route(
    "GRPCRoute",
    `{rules: [{filters: [{type: RequestRedirect, requestRedirect: {}}], ${TO_WEB}}]}`,
  );
  assert.equal(translateRoute(object, references()).conditions.notAccepted?.reason, "UnsupportedValue");
});

test("durations are those of GEP-2257", () => {
  const cases = { "0s": 0, "1h30m": 5_400_000, "250ms": 250, "1m1s1ms": 61_001, "99999h": 359_996_400_000 };
  for (const [text, value] of Object.entries(cases)) assert.equal(parseDuration(text), value, text);
  for (const text of ["", "1", "s", "1.5s", "-1s", "100000s", "1s1s1s1s1s", "1d"])
    assert.equal(parseDuration(text), undefined, text);
});
