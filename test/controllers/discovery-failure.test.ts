import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Discovery, KubeClient } from "../../src/client/index.ts";
import { startControllers } from "../../src/controllers/index.ts";
import { deletionConditions, type Pass } from "../../src/controllers/namespaces/conditions.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { ApiError } from "../../src/objects/status.ts";
import type { AnyObject, Namespace } from "../../src/objects/types.ts";
import { eventually, itemsOf, startCluster, type TestCluster } from "./cluster.ts";
import { define, definition, ownedBy } from "./custom-kinds.ts";

/** Sees one more group than the server has, as of an aggregated API whose own server is down. */
class ClientOfBrokenApi extends KubeClient {
  broken = true;

  override async request(...[method, path, body, headers]: Parameters<KubeClient["request"]>) {
    if (this.broken && path === "/apis/metrics.k8s.io/v1beta1")
      return { status: 503, body: "service unavailable" };
    const answer = await super.request(method, path, body, headers);
    if (this.broken && path === "/apis") {
      const version = { groupVersion: "metrics.k8s.io/v1beta1", version: "v1beta1" };
      answer.body.groups.push({ name: "metrics.k8s.io", versions: [version], preferredVersion: version });
    }
    return answer;
  }
}

let cluster: TestCluster;
let client: ClientOfBrokenApi;
const log: string[] = [];
const abort = new AbortController();
let stopped: Promise<void>;

before(async () => {
  cluster = await startCluster();
  await cluster.stopControllers();
  client = new ClientOfBrokenApi(cluster.client.config);
  ({ stopped } = await startControllers(client, { log: (line) => log.push(line) }, abort.signal));
});

after(async () => {
  abort.abort();
  await stopped;
  client.close();
  await cluster.close();
});

async function isGone(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return false;
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return true;
    throw error;
  }
}

test("discovery gives what answers, and says what does not", async () => {
  const { kinds, failures } = await new Discovery(client).survey();
  assert.deepEqual([...failures.keys()], ["metrics.k8s.io/v1beta1"]);
  assert.ok(kinds.some(({ kind }) => kind === "Deployment"));
  assert.equal(new Set(kinds.map(({ group, plural }) => `${group}/${plural}`)).size, kinds.length);
});

test("an API that is down does not keep the collector from custom kinds that come meanwhile", async () => {
  const widgets = await define(cluster.client, definition("widgets"));
  const metadata = { name: "map", namespace: "default" };
  const map = await client.create<AnyObject>(KINDS.ConfigMap, { metadata });
  const ownerReferences = [ownedBy(KINDS.ConfigMap, map)];
  await client.create(widgets, { metadata: { name: "owned", namespace: "default", ownerReferences } });
  await client.delete(KINDS.ConfigMap, "map", "default");
  await eventually(
    () => isGone(() => client.get(widgets, "owned", "default")),
    (gone) => gone,
  );
});

test("a namespace is emptied but waits for an API that is down, and goes when that is back", async () => {
  await client.create<Namespace>(KINDS.Namespace, { metadata: { name: "waiting" } });
  await client.create(KINDS.Secret, { metadata: { name: "s", namespace: "waiting" } });
  await client.delete(KINDS.Namespace, "waiting");
  const conditionOf = ({ status }: Namespace) =>
    status?.conditions?.find(({ type }) => type === "NamespaceDeletionDiscoveryFailure");
  const waiting = await eventually(
    () => client.get<Namespace>(KINDS.Namespace, "waiting"),
    (namespace) => conditionOf(namespace)?.status === "True",
  );
  assert.match(
    conditionOf(waiting)!.message!,
    /^Discovery failed for some groups, 1 failing: unable to .*: metrics\.k8s\.io\/v1beta1: .*503/,
  );
  await eventually(
    () => itemsOf(client, KINDS.Secret, "waiting"),
    (items) => items.length === 0,
  );
  assert.ok(!(await isGone(() => client.get(KINDS.Namespace, "waiting"))));
  client.broken = false;
  await eventually(
    () => isGone(() => client.get(KINDS.Namespace, "waiting")),
    (gone) => gone,
  );
  const told = log.filter((line) => line.includes("metrics.k8s.io"));
  assert.equal(told.length, 2, `once by each controller: ${told.join("; ")}`);
});

test("conditions change when something changes, and keep the time of their last transition", () => {
  const pass: Pass = { remaining: [], undiscovered: new Map(), errors: [] };
  const early = new Date("2026-01-01T00:00:00Z");
  const late = new Date("2026-01-01T00:01:00Z");
  const other = { type: "Other", status: "True" };
  const fine = deletionConditions([other], pass, early)!;
  assert.deepEqual(
    fine.map(({ type, status }) => `${type}=${status}`),
    [
      "Other=True",
      "NamespaceDeletionDiscoveryFailure=False",
      "NamespaceDeletionGroupVersionParsingFailure=False",
      "NamespaceDeletionContentFailure=False",
      "NamespaceContentRemaining=False",
      "NamespaceFinalizersRemaining=False",
    ],
  );
  assert.equal(deletionConditions(fine, pass, late), undefined);
  const pods = (count: number) => ({ kind: KINDS.Pod, count, finalizers: new Map([["x", 1]]) });
  const three = deletionConditions(
    fine,
    { ...pass, remaining: [pods(3)], errors: [new Error("no")] },
    early,
  )!;
  const two = deletionConditions(three, { ...pass, remaining: [pods(2)] }, late)!;
  const of = (type: string) => two.find((condition) => condition.type === type);
  assert.equal(
    of("NamespaceContentRemaining")?.message,
    "Some resources are remaining: pods. has 2 resource instances",
  );
  assert.equal(of("NamespaceContentRemaining")?.lastTransitionTime, "2026-01-01T00:00:00Z");
  assert.equal(of("NamespaceDeletionContentFailure")?.lastTransitionTime, "2026-01-01T00:01:00Z");
  assert.equal(
    three.find(({ type }) => type === "NamespaceDeletionContentFailure")?.message,
    "Failed to delete all resource types, 1 remaining: no",
  );
});
