import assert from "node:assert/strict";
import { test } from "node:test";
import { findPodOf } from "../../src/cli/lab-target.ts";
import type { KubeClient } from "../../src/client/index.ts";
import type { Kind } from "../../src/objects/kinds.ts";
import { notFound } from "../../src/objects/status.ts";

/** A client that knows one Deployment, StatefulSet, Job and Service of a name, and pods by selector. */
function fakeClient(pods: object[]): { client: KubeClient; asked: string[] } {
  const asked: string[] = [];
  const objects: Record<string, object> = {
    "deployments/web": { spec: { selector: { matchLabels: { app: "web" } } } },
    "statefulsets/web": { spec: { selector: { matchLabels: { app: "web" } } } },
    "jobs/web": { spec: { selector: { matchLabels: { app: "web" } } } },
    "services/web": { spec: { selector: { app: "web" } } },
    "services/outside": { spec: {} },
  };
  const client = {
    get: async (kind: Kind, name: string) => {
      const object = objects[`${kind.plural}/${name}`];
      if (object === undefined) throw notFound({ group: kind.group, kind: kind.plural }, name);
      return object;
    },
    list: async (_kind: Kind, { labelSelector }: { labelSelector: string }) => {
      asked.push(labelSelector);
      return { items: pods, resourceVersion: "1" };
    },
  };
  return { client: client as unknown as KubeClient, asked };
}

const pod = (name: string, phase: string, ready: string, more = {}) => ({
  metadata: { name, ...more },
  status: { phase, conditions: [{ type: "Ready", status: ready }] },
});

test("a target is a pod, or leads to a ready pod by its selector", async () => {
  const pods = [
    pod("pending", "Pending", "False"),
    pod("going", "Running", "True", { deletionTimestamp: "now" }),
    pod("unready", "Running", "False"),
    pod("good", "Running", "True"),
  ];
  const { client, asked } = fakeClient(pods);
  assert.equal(await findPodOf(client, "plain", "default"), "plain");
  assert.equal(await findPodOf(client, "pod/plain", "default"), "plain");
  assert.deepEqual(asked, []);
  for (const target of ["deploy/web", "deployment/web", "sts/web", "job/web", "svc/web", "services/web"]) {
    assert.equal(await findPodOf(client, target, "default"), "good");
  }
  assert.deepEqual(new Set(asked), new Set(["app=web"]));
  const unready = fakeClient(pods.slice(0, 3));
  assert.equal(await findPodOf(unready.client, "svc/web", "default"), "unready");
});

test("a target without a pod says why and what next", async () => {
  const { client } = fakeClient([pod("pending", "Pending", "False")]);
  await assert.rejects(
    findPodOf(client, "deploy/web", "ns"),
    /none of its pods is running[\s\S]*get pods -l app=web/,
  );
  await assert.rejects(findPodOf(client, "svc/none", "ns"), /it does not exist[\s\S]*get services/);
  await assert.rejects(findPodOf(client, "svc/outside", "ns"), /it has no selector/);
  await assert.rejects(findPodOf(client, "deploy/", "ns"), /the name is missing[\s\S]*deploy\/NAME/);
  await assert.rejects(findPodOf(client, "configmap/x", "ns"), /is not a kind with pods[\s\S]*deploy\/NAME/);
});
