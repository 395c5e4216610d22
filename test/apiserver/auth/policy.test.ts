import assert from "node:assert/strict";
import { test } from "node:test";
import { Authorizer } from "../../../src/apiserver/auth/authorizer.ts";
import { aggregatedRules } from "../../../src/apiserver/auth/rbac/aggregate.ts";
import { Policy } from "../../../src/apiserver/auth/rbac/policy.ts";
import type { User } from "../../../src/apiserver/auth/user.ts";
import { keyOf } from "../../../src/apiserver/registry/keys.ts";
import { type Kind, KINDS } from "../../../src/objects/kinds.ts";
import type { ClusterRole, PolicyRule, Subject } from "../../../src/objects/rbac/types.ts";
import type { Store } from "../../../src/store/contract.ts";
import { createMemoryStore } from "../../../src/store/memory.ts";

const READ_PODS: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["pods"] };
const READ_NODES: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["nodes"] };

function put(store: Store<string>, kind: Kind, namespace: string | undefined, name: string, rest: object) {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  return store.transact((tx) => tx.put(keyOf(kind, namespace, name), JSON.stringify({ metadata, ...rest })));
}

function role(store: Store<string>, namespace: string | undefined, name: string, rules: PolicyRule[]) {
  return put(store, namespace === undefined ? KINDS.ClusterRole : KINDS.Role, namespace, name, { rules });
}

function bind(
  store: Store<string>,
  namespace: string | undefined,
  to: string,
  kind: string,
  subjects: Subject[],
) {
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind, name: to };
  const own = namespace === undefined ? KINDS.ClusterRoleBinding : KINDS.RoleBinding;
  return put(store, own, namespace, `b-${to}`, { roleRef, subjects });
}

function get(resource: string, namespace = "") {
  return { verb: "get", group: "", resource, subresource: "", namespace, name: "x" };
}

const bob: User = { name: "bob", groups: ["devs"] };
const bot: User = { name: "system:serviceaccount:n:bot", groups: ["system:serviceaccounts"] };

test("bindings count where they are, for users, groups and ServiceAccounts, as soon as they are written", async () => {
  const store = createMemoryStore();
  await role(store, "n", "pods", [READ_PODS]);
  const authorizer = new Authorizer(new Policy(store));
  assert.deepEqual(authorizer.decide(bob, get("pods", "n")), { allowed: false, reason: "" });

  await bind(store, "n", "pods", "Role", [
    { kind: "Group", name: "devs" },
    { kind: "ServiceAccount", name: "bot" },
  ]);
  assert.deepEqual(authorizer.decide(bob, get("pods", "n")), {
    allowed: true,
    reason: 'RBAC: allowed by RoleBinding "b-pods/n" of Role "pods" to Group "devs"',
  });
  assert.equal(
    authorizer.decide(bot, get("pods", "n")).reason,
    'RBAC: allowed by RoleBinding "b-pods/n" of Role "pods" to ServiceAccount "bot/n"',
  );
  assert.equal(authorizer.allows(bob, get("pods", "other")), false);
  assert.equal(authorizer.allows(bob, get("pods")), false);
  assert.equal(authorizer.allows({ name: "devs", groups: [] }, get("pods", "n")), false);

  await bind(store, "n", "pods", "Role", [{ kind: "User", name: "eve" }]);
  assert.equal(authorizer.allows(bob, get("pods", "n")), false);
  assert.equal(authorizer.allows({ name: "eve", groups: [] }, get("pods", "n")), true);
  await store.transact((tx) => tx.delete(keyOf(KINDS.RoleBinding, "n", "b-pods")));
  assert.equal(authorizer.allows({ name: "eve", groups: [] }, get("pods", "n")), false);
  await store.close();
});

test("a ClusterRole holds everywhere by a ClusterRoleBinding, and in one namespace by a RoleBinding", async () => {
  const store = createMemoryStore();
  await role(store, undefined, "nodes", [READ_NODES, READ_PODS]);
  await bind(store, "n", "nodes", "ClusterRole", [{ kind: "User", name: "bob" }]);
  const authorizer = new Authorizer(new Policy(store));
  assert.equal(authorizer.allows(bob, get("pods", "n")), true);
  assert.equal(authorizer.allows(bob, get("nodes")), false);
  await bind(store, undefined, "nodes", "ClusterRole", [{ kind: "User", name: "bob" }]);
  assert.equal(authorizer.allows(bob, get("nodes")), true);
  assert.equal(authorizer.allows(bob, get("pods", "other")), true);
  // a ServiceAccount without a namespace is nobody outside of namespaces
  await bind(store, undefined, "nodes", "ClusterRole", [{ kind: "ServiceAccount", name: "bot" }]);
  assert.equal(authorizer.allows(bot, get("nodes")), false);
  await store.close();
});

test("a missing role is told, masters need none, and health is everybody's", async () => {
  const store = createMemoryStore();
  await bind(store, "n", "gone", "Role", [{ kind: "User", name: "bob" }]);
  await bind(store, undefined, "away", "ClusterRole", [{ kind: "User", name: "bob" }]);
  const authorizer = new Authorizer(new Policy(store));
  assert.deepEqual(authorizer.decide(bob, get("pods", "n")), {
    allowed: false,
    reason:
      'RBAC: [clusterrole.rbac.authorization.k8s.io "away" not found, ' +
      'role.rbac.authorization.k8s.io "gone" not found]',
  });
  assert.equal(authorizer.allows({ name: "root", groups: ["system:masters"] }, get("pods")), true);
  assert.equal(authorizer.allows({ name: "x", groups: [] }, { verb: "get", path: "/readyz" }), true);
  assert.equal(authorizer.allows({ name: "x", groups: [] }, { verb: "get", path: "/version" }), false);
  await store.close();
});

test("an aggregated role has the rules of all roles that its selectors match, each once", () => {
  const part = (name: string, value: string, rules: PolicyRule[]): ClusterRole => {
    return { apiVersion: "", kind: "", metadata: { name, labels: { to: value } }, rules };
  };
  const all: ClusterRole = {
    ...part("all", "view", [READ_NODES]),
    aggregationRule: {
      clusterRoleSelectors: [
        { matchLabels: { to: "view" } },
        { matchExpressions: [{ key: "to", operator: "In", values: ["edit"] }] },
      ],
    },
  };
  const parts = [
    part("a", "view", [READ_PODS]),
    all,
    part("b", "edit", [READ_NODES, READ_PODS]),
    part("c", "x", []),
  ];
  assert.deepEqual(aggregatedRules(all, parts), [READ_PODS, READ_NODES]);
});
