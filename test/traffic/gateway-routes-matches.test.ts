import assert from "node:assert/strict";
import { test } from "node:test";
import { compareRules, translateRoute } from "../../src/traffic/gateway/routes/index.ts";
import { re2Problem } from "../../src/traffic/gateway/routes/re2.ts";
import { firstRule, httpRule, references, route } from "./gateway-routes-fixtures.ts";

const TO_WEB = "backendRefs: [{name: web, port: 80}]";
const CASES: [name: string, match: string, expected: object][] = [
  ["nothing is a prefix of everything", "{}", { path: { kind: "prefix", value: "/" } }],
  ["an exact path", "{path: {type: Exact, value: /a/}}", { path: { kind: "exact", value: "/a/" } }],
  ["a prefix without its slash", "{path: {value: /a/}}", { path: { kind: "prefix", value: "/a" } }],
  [
    "an expression",
    "{path: {type: RegularExpression, value: '/a/[0-9]+'}}",
    { path: { kind: "regex", value: "/a/[0-9]+" } },
  ],
  ["a method", "{method: PATCH}", { path: { kind: "prefix", value: "/" }, method: "PATCH" }],
  [
    "only the first header of a name, in lower case",
    "{headers: [{name: Foo, value: a}, {name: foo, value: b}, {name: Bar, type: RegularExpression, value: c+}]}",
    {
      path: { kind: "prefix", value: "/" },
      headers: [
        { name: "foo", kind: "exact", value: "a" },
        { name: "bar", kind: "regex", value: "c+" },
      ],
    },
  ],
  [
    "query parameters, whose names have a case",
    "{queryParams: [{name: Q, value: a}, {name: q, value: b}, {name: q, value: c}]}",
    {
      path: { kind: "prefix", value: "/" },
      query: [
        { name: "Q", kind: "exact", value: "a" },
        { name: "q", kind: "exact", value: "b" },
      ],
    },
  ],
];

for (const [name, match, expected] of CASES)
  test(`HTTPRoute matches: ${name}`, () => {
    assert.deepEqual(firstRule(httpRule(`{matches: [${match}], ${TO_WEB}}`)).match, expected);
  });

const GRPC_CASES: [name: string, match: string, expected: object][] = [
  ["any call", "{}", { grpc: true }],
  [
    "service and method",
    "{method: {service: a.B, method: Do}}",
    { path: { kind: "exact", value: "/a.B/Do" }, grpc: true },
  ],
  ["a service", "{method: {service: a.B}}", { path: { kind: "prefix", value: "/a.B" }, grpc: true }],
  [
    "a method of any service",
    "{method: {method: Do}}",
    { path: { kind: "regex", value: "/[^/]+/Do" }, grpc: true },
  ],
  [
    "expressions, kept apart",
    "{method: {type: RegularExpression, service: 'a|b', method: 'Do.*'}}",
    { path: { kind: "regex", value: "/(?:a|b)/(?:Do.*)" }, grpc: true },
  ],
  [
    "headers",
    "{headers: [{name: V, value: '1'}]}",
    { headers: [{ name: "v", kind: "exact", value: "1" }], grpc: true },
  ],
];

for (const [name, match, expected] of GRPC_CASES)
  test(`GRPCRoute matches: ${name}`, () => {
    const object = route("GRPCRoute", `{rules: [{matches: [${match}], ${TO_WEB}}]}`);
    assert.deepEqual(firstRule(translateRoute(object, references())).match, expected);
  });

test("rules are tried in the order of the specification", () => {
  const texts = [
    "{path: {value: /}}",
    "{path: {value: /aa}}",
    "{path: {value: /a}, method: GET}",
    "{path: {value: /a}, headers: [{name: x, value: y}, {name: z, value: y}]}",
    "{path: {value: /a}, headers: [{name: x, value: y}], queryParams: [{name: x, value: y}]}",
    "{path: {value: /a}, queryParams: [{name: x, value: y}]}",
    "{path: {value: /a}}",
    "{path: {type: RegularExpression, value: /a}}",
    "{path: {type: Exact, value: /a}}",
  ];
  const rules = texts.map((text) => `{matches: [${text}], ${TO_WEB}}`).join(", ");
  const translated = translateRoute(route("HTTPRoute", `{rules: [${rules}]}`), references());
  const order = [...translated.rules].sort(compareRules).map(({ position }) => position);
  assert.deepEqual(order, [8, 7, 1, 2, 3, 4, 5, 6, 0]);
});

test("of equal matches the older route's comes first, then the name's, then the place's", () => {
  const make = (name: string, creationTimestamp: string) => {
    const object = route("HTTPRoute", `{rules: [{${TO_WEB}}, {${TO_WEB}}]}`);
    const metadata = { ...object.metadata, name, creationTimestamp };
    return translateRoute({ ...object, metadata }, references()).rules;
  };
  const rules = [
    ...make("b", "2026-01-01T00:00:01Z"),
    ...make("c", "2026-01-01T00:00:00Z"),
    ...make("a", "2026-01-01T00:00:01Z"),
  ];
  assert.deepEqual(
    rules.sort(compareRules).map(({ rule }) => rule.name),
    ["c", "a", "b"].flatMap((name) => [0, 1].map((i) => `httproute/default/${name}/rule/${i}/match/0`)),
  );
});

test("gRPC: longer services come before longer methods, then headers", () => {
  const texts = [
    "{method: {service: a}}",
    "{method: {service: aa}}",
    "{method: {service: a, method: bbb}}",
    "{method: {method: cccc}, headers: [{name: x, value: y}]}",
    "{method: {method: cccc}}",
    "{}",
  ];
  const rules = texts.map((text) => `{matches: [${text}]}`).join(", ");
  const translated = translateRoute(route("GRPCRoute", `{rules: [${rules}]}`), references());
  assert.deepEqual(
    [...translated.rules].sort(compareRules).map(({ position }) => position),
    [1, 2, 0, 3, 4, 5],
  );
});

const BAD_MATCHES: [match: string, field: string][] = [
  ["{path: {type: RegularExpression, value: '/a(?!b)'}}", "spec.rules[0].matches[0].path.value"],
  ["{path: {type: Glob, value: /a}}", "spec.rules[0].matches[0].path.type"],
  ["{path: {value: a}}", "spec.rules[0].matches[0].path.value"],
  ["{method: BREW}", "spec.rules[0].matches[0].method"],
  ["{headers: [{name: a, type: Glob, value: b}]}", "spec.rules[0].matches[0].headers[0].type"],
  [
    "{queryParams: [{name: a, type: RegularExpression, value: '['}]}",
    "spec.rules[0].matches[0].queryParams[0].value",
  ],
];

for (const [match, field] of BAD_MATCHES)
  test(`a match that cannot be served is refused: ${match}`, () => {
    const translated = httpRule(`{matches: [${match}], ${TO_WEB}}`);
    assert.deepEqual(translated.rules, []);
    assert.equal(translated.needs.destinations.size, 0);
    assert.equal(translated.conditions.notAccepted?.reason, "UnsupportedValue");
    assert.ok(
      translated.conditions.notAccepted?.message.startsWith(field),
      translated.conditions.notAccepted?.message,
    );
  });

test("a bad rule does not take the good ones down", () => {
  const rules = `{matches: [{method: BREW}], ${TO_WEB}}, {name: good, ${TO_WEB}}`;
  const { conditions, rules: left } = httpRule(rules);
  assert.equal(conditions.notAccepted, undefined);
  assert.equal(conditions.partiallyInvalid?.reason, "UnsupportedValue");
  assert.match(conditions.partiallyInvalid?.message ?? "", /^Dropped Rule spec\.rules\[0\]: .*BREW/);
  assert.deepEqual(
    left.map(({ rule }) => rule.origin.part),
    ["good"],
  );
});

/** Checked against github.com/google/re2's syntax page and Go's regexp/syntax, which is of the same author. */
const EXPRESSIONS: [text: string, good: boolean][] = [
  ["", true],
  ["/a(b|c)*d+?e{1,3}$", true],
  ["(?i)abc(?-i:d)", true],
  ["(?P<n>a)(?<m>b)", true],
  ["(?P<n>a)(?P<n>b)", false],
  ["[[:alpha:]_\\d\\-]+", true],
  ["[]a]", true],
  ["[^]a]", true],
  ["[\\t-\\r]", true],
  ["\\pL\\p{Greek}\\P{^Lu}", true],
  ["\\p{Nonsense}", false],
  ["\\Qa.b(\\E+", true],
  ["\\x{ff}\\x41\\07\\12", true],
  // Envoy reads bytes, not characters (RE2::Latin1)
  ["\\x{100}", false],
  ["[\\x{10FFFF}]", false],
  ["/\\p{Greek}+|/a{2}(b)?", true],
  ["\\777", false],
  ["[é-à]", true],
  ["\\p{Grek}\\p{Letter}", false],
  ["\\p{LC}", false],
  ["é)", false],
  ["a{1001}", false],
  ["(?:a{10}){100}", true],
  ["(?:a{10}){101}", false],
  ["(?:a{0,100}){11}", false],
  ["((a{5}b+){10}|c{20}){20}", true],
  [`(?:${"a".repeat(100)}){1000}`, false],
  ["a{2,1}", false],
  ["a{,2}", true],
  ["a**", false],
  ["*a", false],
  ["(?=a)", false],
  ["(?<!a)b", false],
  ["(a)\\1", false],
  ["\\k<n>", false],
  ["(a", false],
  ["a)", false],
  ["[a", false],
  ["[z-a]", false],
  ["[a-\\d]", false],
  ["a\\", false],
  ["\\_\\-", true],
  ["\\y", false],
  ["a|*", false],
  ["😀+[😀-😂]", true],
];

for (const [text, good] of EXPRESSIONS)
  test(`RE2 ${good ? "takes" : "refuses"} ${JSON.stringify(text)}`, () => {
    assert.equal(re2Problem(text) === undefined, good, re2Problem(text));
  });
