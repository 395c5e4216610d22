import assert from "node:assert/strict";
import { test } from "node:test";
import { waitForWorkloads } from "../../src/cli/ready.ts";
import type { KubeClient } from "../../src/client/index.ts";
import type { Kind } from "../../src/objects/kinds.ts";
import type { StatefulSet, StatefulSetStatus } from "../../src/objects/statefulset/types.ts";

const DONE = { observedGeneration: 2, replicas: 3, availableReplicas: 3, updatedReplicas: 3 };

function statefulSet(
  status: StatefulSetStatus | undefined,
  partition = 0,
  type = "RollingUpdate",
): StatefulSet {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db", namespace: "default", uid: "u", generation: 2 },
    spec: {
      replicas: 3,
      selector: {},
      template: { spec: { containers: [] } },
      updateStrategy: { type, ...(type === "OnDelete" ? {} : { rollingUpdate: { partition } }) },
    },
    ...(status === undefined ? {} : { status }),
  };
}

/** A client that knows one StatefulSet, and what an event says of it. */
function fakeClient(set: StatefulSet, message: string): KubeClient {
  const involvedObject = { kind: "StatefulSet", namespace: "default", name: "db", uid: "u" };
  const event = { type: "Warning", reason: "FailedCreate", message, involvedObject };
  const items: Record<string, object[]> = { statefulsets: [set], events: [event] };
  const list = async ({ plural }: Kind) => ({ items: items[plural] ?? [], resourceVersion: "1" });
  return { list } as unknown as KubeClient;
}

const wait = (set: StatefulSet): Promise<void> =>
  waitForWorkloads(fakeClient(set, "no claims here"), [set], { timeoutSeconds: -1 });

for (const [what, set] of [
  ["all pods are updated and available", statefulSet(DONE)],
  ["those above the partition are updated", statefulSet({ ...DONE, updatedReplicas: 1 }, 2)],
  [
    "pods are updated when somebody deletes them",
    statefulSet({ ...DONE, updatedReplicas: 0 }, 0, "OnDelete"),
  ],
] as const) {
  test(`a StatefulSet is ready where ${what}`, () => wait(set));
}

for (const [what, set] of [
  ["nothing is known of it", statefulSet(undefined)],
  ["what is known is of an earlier template", statefulSet({ ...DONE, observedGeneration: 1 })],
  ["a pod is not available", statefulSet({ ...DONE, availableReplicas: 2 })],
  ["a pod above the partition is not updated", statefulSet({ ...DONE, updatedReplicas: 0 }, 2)],
] as const) {
  test(`a StatefulSet is waited for where ${what}; in the end its events say why`, async () => {
    await assert.rejects(wait(set), /no claims here[\s\S]*statefulset default\/db/);
  });
}
