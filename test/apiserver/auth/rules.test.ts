import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attributes, attributesOf } from "../../../src/apiserver/auth/attributes.ts";
import { describeRules, uncovered } from "../../../src/apiserver/auth/rbac/cover.ts";
import { ruleAllows } from "../../../src/apiserver/auth/rbac/rules.ts";
import { parseResourcePath } from "../../../src/apiserver/http/paths.ts";
import type { PolicyRule } from "../../../src/objects/rbac/types.ts";

function rule(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  const list = (text: string) => text.split(",");
  const base = { verbs: list(verbs), apiGroups: list(groups), resources: list(resources) };
  return names === undefined ? base : { ...base, resourceNames: list(names) };
}

function paths(verbs: string, ...nonResourceURLs: string[]): PolicyRule {
  return { verbs: verbs.split(","), nonResourceURLs };
}

/** `verb group/resource[/subresource] [name]`, or `verb /path`. */
function wanted(text: string): Attributes {
  const [verb = "", what = "", name = ""] = text.split(" ");
  if (what.startsWith("/") && !what.startsWith("//")) return { verb, path: what };
  const [group = "", resource = "", subresource = ""] = what.replace(/^\/\//, "/").split("/");
  return { verb, group, resource, subresource, namespace: "n", name };
}

// [rule, what it allows, what it does not]
const TABLE: readonly (readonly [PolicyRule, readonly string[], readonly string[]])[] = [
  [
    rule("get,list", "", "pods"),
    ["get //pods", "get //pods web", "list //pods"],
    ["watch //pods", "get //services", "get apps/pods", "get //pods/log", "get /pods"],
  ],
  [rule("*", "*", "*"), ["get //pods", "x y/z/w a"], ["get /api"]],
  [rule("get", "", "*"), ["get //pods", "get //pods/log"], ["get apps/deployments"]],
  [rule("get", "", "pods/log"), ["get //pods/log"], ["get //pods", "get //pods/exec", "get //services/log"]],
  [
    rule("update", "*", "*/scale"),
    ["update apps/deployments/scale", "update //x/scale"],
    ["update apps/deployments", "update apps/deployments/status"],
  ],
  [rule("get", "", "pods/*"), ["get //pods/*"], ["get //pods/log"]],
  [
    rule("get", "", "pods", "a,b"),
    ["get //pods a", "get //pods b"],
    ["get //pods", "get //pods c", "list //pods"],
  ],
  [
    paths("get", "/api/*", "/version"),
    ["get /api/", "get /api/v1", "get /version"],
    ["get /api", "post /version"],
  ],
  [paths("*", "*"), ["get /", "delete /x"], ["get //pods"]],
  [{ verbs: ["get"] }, [], ["get //pods", "get /"]],
  [{ verbs: null as never }, [], ["get //pods"]],
];

test("rules allow what they name and nothing else", () => {
  for (const [policy, allowed, refused] of TABLE) {
    for (const text of allowed)
      assert.ok(ruleAllows(policy, wanted(text)), `${JSON.stringify(policy)}: ${text}`);
    for (const text of refused)
      assert.ok(!ruleAllows(policy, wanted(text)), `${JSON.stringify(policy)}: ${text}`);
  }
});

test("what is held covers what is granted, verb by verb and resource by resource", () => {
  const cases: readonly (readonly [held: PolicyRule[], granted: PolicyRule[], missing: string])[] = [
    [[rule("*", "*", "*")], [rule("get", "", "pods")], ""],
    [
      [rule("get,list", "", "pods")],
      [rule("get,watch", "", "pods")],
      '{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}',
    ],
    [[rule("get", "", "pods"), rule("list", "", "pods")], [rule("get,list", "", "pods")], ""],
    [
      [],
      [rule("get,list", "apps", "deployments,daemonsets")],
      '{APIGroups:["apps"], Resources:["daemonsets"], Verbs:["get" "list"]}\n' +
        '{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}',
    ],
    [[rule("get", "", "*/log")], [rule("get", "", "pods/log")], ""],
    [[rule("get", "", "pods", "a")], [rule("get", "", "pods", "a")], ""],
    [
      [rule("get", "", "pods", "a")],
      [rule("get", "", "pods")],
      '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}',
    ],
    [
      [rule("get", "", "pods")],
      [rule("get", "", "secrets", "a,b")],
      '{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get"]}\n' +
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get"]}',
    ],
    [[rule("*", "*", "*")], [paths("get", "/logs")], '{NonResourceURLs:["/logs"], Verbs:["get"]}'],
    [[paths("get", "/logs/*")], [paths("get", "/logs/a")], ""],
    [
      [rule("get", "", "*")],
      [rule("get", "*", "pods")],
      '{APIGroups:["*"], Resources:["pods"], Verbs:["get"]}',
    ],
  ];
  for (const [held, granted, missing] of cases) {
    assert.equal(describeRules(uncovered(held, granted)), missing, JSON.stringify([held, granted]));
  }
});

test("requests ask for the verbs, names and namespaces of the real server", () => {
  const cases: readonly (readonly [request: string, expected: string])[] = [
    ["GET /api/v1/pods", "list  pods   "],
    ["GET /api/v1/namespaces/n/pods?watch=true", "watch  pods  n "],
    ["GET /api/v1/watch/namespaces/n/pods", "watch  pods  n "],
    ["GET /api/v1/namespaces/n/pods/web", "get  pods  n web"],
    ["HEAD /api/v1/namespaces/n/pods/web", "get  pods  n web"],
    ["GET /api/v1/namespaces/n/pods?fieldSelector=metadata.name%3Dweb", "list  pods  n web"],
    ["GET /api/v1/namespaces/n/pods?fieldSelector=metadata.name!%3Dweb", "list  pods  n "],
    ["GET /api/v1/namespaces/n", "get  namespaces  n n"],
    ["PUT /api/v1/namespaces/n/finalize", "update  namespaces finalize n n"],
    ["GET /api/v1/namespaces", "list  namespaces   "],
    ["DELETE /api/v1/namespaces/n/pods", "deletecollection  pods  n "],
    ["DELETE /api/v1/namespaces/n/pods/web", "delete  pods  n web"],
    ["PATCH /apis/apps/v1/namespaces/n/deployments/d/scale", "patch apps deployments scale n d"],
    ["POST /api/v1/namespaces/n/pods/web/exec", "create  pods exec n web"],
    ["GET /api/v1/nodes/n/proxy/a/b", "get  nodes proxy  n"],
    ["GET /apis/unknown.io/v1/things", "list unknown.io things   "],
    ["GET /apis/apps/v1", "get /apis/apps/v1"],
    ["POST /version", "post /version"],
  ];
  for (const [request, expected] of cases) {
    const [method = "", url = ""] = request.split(" ");
    const { pathname: path, searchParams: query } = new URL(url, "https://x");
    const found = attributesOf({ method, path, query }, parseResourcePath(path));
    const shown =
      "path" in found
        ? `${found.verb} ${found.path}`
        : [found.verb, found.group, found.resource, found.subresource, found.namespace, found.name].join(" ");
    assert.equal(shown, expected, request);
  }
});
