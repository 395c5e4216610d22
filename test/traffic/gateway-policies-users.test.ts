/** Users of a Secret (`basicAuth` of a SecurityPolicy): read, refused with what is wrong, and followed as they change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Secret } from "../../src/objects/types.ts";
import { policyVerdict } from "../../src/traffic/gateway/policies/index.ts";
import { emptyModel, isReport, objectsOf, take } from "./gateway/text.ts";
import { goodPolicy, NO_OBJECTS, ONE_ROUTE, surroundings } from "./gateway-policies-fixtures.ts";

const ANN = "ann:{SHA}hIrVWDBBBqHBXFd/ApDDeIXmcdw=";
const BOB = "bob:{SHA}hIrVWDBBBqHBXFd/ApDDeIXmcdw=";

const policy = goodPolicy("SecurityPolicy", "p", "Gateway g", "basicAuth: {users: {name: users}}");
policy.metadata.namespace = "default";

const base64 = (text: string) => Buffer.from(text).toString("base64");

function secret(text: string, key = ".htpasswd", resourceVersion?: string): Secret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "users", namespace: "default", uid: "u", ...(resourceVersion && { resourceVersion }) },
    data: { [key]: base64(text) },
  };
}

function accepted(users: Secret | undefined) {
  const asked: string[] = [];
  const found = (key: string) => {
    asked.push(key);
    return users;
  };
  const { facts, lookups } = policyVerdict(policy, {
    ...surroundings(policy),
    objects: { ...NO_OBJECTS, secret: found },
  });
  assert.deepEqual(new Set(asked), new Set(["default/users"]));
  assert.ok(lookups.has("Secret/default/users"));
  return facts[0];
}

test("users with hashes of SHA-1 are taken; comments and empty lines are none", () => {
  assert.equal(accepted(secret(`# people\n${ANN}\r\n\n${BOB}`))?.status, "True");
});

for (const [what, users, why] of [
  ["no Secret", undefined, "it does not exist"],
  ["another key", secret(ANN, "auth"), "it has no key .htpasswd"],
  ["nobody", secret("# nobody\n"), ".htpasswd has no user"],
  ["no name", secret(`${ANN}\n:x`), ".htpasswd, user 2: not NAME:{SHA}HASH"],
  ["no colon", secret("ann"), ".htpasswd, user 1: not NAME:{SHA}HASH"],
  ["one name twice", secret(`${ANN}\n${ANN}`), ".htpasswd, user 2: the name is there before"],
  ["bcrypt", secret("ann:$2y$05$abc"), ".htpasswd, user 1: the hash is not of SHA-1 as htpasswd -s makes it"],
] as const)
  test(`a policy whose users cannot be read is not valid: ${what}`, () => {
    const fact = accepted(users);
    assert.deepEqual(
      [fact?.status, fact?.reason, fact?.message],
      ["False", "Invalid", `spec.basicAuth.users: Secret default/users: ${why}`],
    );
  });

test("a route has the users that the Secret has now, and lets nobody in without one", () => {
  const model = emptyModel();
  for (const object of objectsOf(ONE_ROUTE)) if (!isReport(object)) take(model, object);
  take(model, policy);
  const seen = () => {
    const { proxies, statuses } = model.flush();
    const rule = proxies.get("default/g")?.routeTables.get("http-80")?.hosts[0]?.rules[0];
    const status = statuses.get("SecurityPolicy/default/p")?.status;
    const [ancestor] = status !== undefined && "ancestors" in status ? status.ancestors : [];
    return [rule?.action.kind, rule?.policy?.basicUsers, ancestor?.conditions[0]?.status];
  };
  assert.deepEqual(seen(), ["answer", undefined, "False"]);
  take(model, secret(ANN, ".htpasswd", "1"));
  assert.deepEqual(seen(), ["forward", `${ANN}\n`, "True"]);
  take(model, secret(`${ANN}\n${BOB}`, ".htpasswd", "2"), "updated");
  assert.deepEqual(seen().slice(0, 2), ["forward", `${ANN}\n${BOB}\n`]);
  take(model, secret("", ".htpasswd", "3"), "deleted");
  assert.deepEqual(seen(), ["answer", undefined, "False"]);
});
