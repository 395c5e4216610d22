import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AnyObject,
  EVERYTHING,
  formatLabelSelector,
  KINDS,
  type Kind,
  matchesLabelSelector,
  nameInFieldSelector,
  parseFieldSelector,
  parseLabelSelector,
} from "../../src/objects/index.ts";
import { ApiError } from "../../src/objects/status.ts";

function object(fields: object): AnyObject {
  return { apiVersion: "v1", kind: "X", metadata: { name: "a", namespace: "n" }, ...fields };
}

const LABELS = { tier: "web", n: "5", "x.io/k": "" };

for (const [text, wanted] of [
  ["", true],
  ["tier=web", true],
  ["tier==web", true],
  ["tier = web", true],
  ["tier!=web", false],
  ["other!=web", true],
  ["tier in (db, web),n", true],
  ["tier notin (web)", false],
  ["other notin (web)", true],
  ["!tier", false],
  ["! other", true],
  ["n>4", true],
  ["n<5", false],
  ["tier>4", false],
  ["x.io/k=", true],
  ["x.io/k in ()", true],
  ["in", false],
  ["in=web", false],
  ["tier in (in,web)", true],
] as const) {
  test(`the label selector ${JSON.stringify(text)} ${wanted ? "wants" : "does not want"} the object`, () => {
    assert.equal(
      parseLabelSelector(text).matches(object({ metadata: { name: "a", labels: LABELS } })),
      wanted,
    );
  });
}

for (const [text, message] of [
  ["n in (a,b", "unable to parse requirement: found '', expected: ',' or ')'"],
  ["=x", "found '=', expected: !, identifier, or 'end of string'"],
  ["a,,b", "found ',', expected: identifier after ','"],
  ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
  ["a in b", "unable to parse requirement: found 'b' expected: '('"],
  [
    "n>x",
    "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
  ],
] as const) {
  test(`the label selector ${JSON.stringify(text)} is refused`, () => {
    assert.throws(
      () => parseLabelSelector(text),
      (error) => error instanceof ApiError && error.code === 400 && error.message === message,
    );
  });
}

test("a LabelSelector is matched and written as the server does", () => {
  const selector = {
    matchLabels: { tier: "web" },
    matchExpressions: [
      { key: "n", operator: "In", values: ["6", "5"] },
      { key: "a", operator: "DoesNotExist" },
    ],
  };
  assert.equal(matchesLabelSelector(selector, LABELS), true);
  assert.equal(matchesLabelSelector(selector, { tier: "web", n: "5", a: "" }), false);
  assert.equal(matchesLabelSelector(undefined, LABELS), false);
  assert.equal(matchesLabelSelector({}, LABELS), true);
  assert.equal(formatLabelSelector(selector), "!a,n in (5,6),tier=web");
  assert.equal(formatLabelSelector({}), "<none>");
});

const POD = object({ spec: { nodeName: "n1" }, status: { phase: "Running" } });
const EVENT = object({
  involvedObject: { kind: "Pod", name: "p", uid: "u" },
  reason: "Started",
  type: "Normal",
});
const SERVICE = object({ spec: { type: "NodePort", clusterIP: "fd00::1" } });

for (const [kind, text, subject, wanted] of [
  [KINDS.Pod, "metadata.name=a,metadata.namespace=n", POD, true],
  [KINDS.Pod, "metadata.name!=a", POD, false],
  [KINDS.Pod, "spec.nodeName=n1,status.phase!=Succeeded,status.phase!=Failed", POD, true],
  [KINDS.Pod, "spec.nodeName=", POD, false],
  [KINDS.Pod, "spec.hostNetwork=false", POD, true],
  [KINDS.Event, "involvedObject.kind=Pod,involvedObject.name=p,involvedObject.uid=u", EVENT, true],
  [KINDS.Event, "involvedObject.name=q", EVENT, false],
  [KINDS.Event, "reason==Started", EVENT, true],
  [KINDS.Service, "spec.type=NodePort,spec.clusterIP=fd00::1", SERVICE, true],
  [KINDS.Secret, "type!=Opaque", object({ type: "Opaque" }), false],
  [KINDS.Node, "spec.unschedulable=false", object({ spec: {} }), true],
] as const) {
  test(`the field selector ${text} ${wanted ? "wants" : "does not want"} the ${kind.kind}`, () => {
    assert.equal(parseFieldSelector(kind, text).matches(subject), wanted);
  });
}

for (const [kind, text, message] of [
  [KINDS.ConfigMap, "metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
  [
    KINDS.ConfigMap,
    "data.a=1",
    '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
  ],
  [KINDS.Pod, "spec.foo=1", "field label not supported: spec.foo"],
  [KINDS.Pod, "metadata.name=a=b", "invalid field selector: unescaped character in value: 61"],
] as const satisfies readonly [Kind, string, string][]) {
  test(`the field selector ${text} of ${kind.kind} is refused`, () => {
    assert.throws(() => parseFieldSelector(kind, text), { message });
  });
}

test("escaped commas are part of a value, and an empty selector wants everything", () => {
  assert.equal(
    parseFieldSelector(KINDS.Pod, "metadata.name=a\\,b").matches(object({ metadata: { name: "a,b" } })),
    true,
  );
  assert.equal(parseFieldSelector(KINDS.Pod, ""), EVERYTHING);
  assert.equal(nameInFieldSelector(KINDS.Pod, "metadata.name=a,status.phase=Running"), "a");
  assert.equal(nameInFieldSelector(KINDS.Pod, "metadata.name!=a"), undefined);
});
