/** Which pods' Envoys are asked, against an API server of the test's own. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { dumpOf } from "../../src/cli/envoy-admin.ts";
import { findEnvoyPod, proxies } from "../../src/cli/envoy-pods.ts";
import { UserError } from "../../src/errors/user-error.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Pod } from "../../src/objects/types.ts";
import { startCluster, type TestCluster } from "../controllers/cluster.ts";

let cluster: TestCluster;

before(async () => {
  cluster = await startCluster();
  await cluster.client.create(KINDS.Namespace, { metadata: { name: "shop" } } as never);
  for (const [name, state, phase] of [
    ["dotted.name", { terminated: { exitCode: 0 } }, "Succeeded"],
    ["ended", { terminated: { exitCode: 0 } }, "Succeeded"],
    ["well", { running: {} }],
    ["on-its-way", { waiting: { reason: "PodInitializing" } }],
    ["crashed", { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } }],
    ["uncaptured", { waiting: { reason: "PodInitializing" } }],
  ] as const)
    await pod(name, phase, {
      "tandem-proxy": state,
      ...(name === "uncaptured" && { "tandem-init": UNCAPTURED }),
    });
  const labels = { "tandem.dev/sidecar": "grpc" };
  const grpc = {
    metadata: { name: "grpc", namespace: "shop", labels },
    spec: { containers: [{ name: "web", image: "x" }] },
  };
  await cluster.client.create(KINDS.Pod, grpc as never);
  const status = { phase: "Running" } as unknown as Pod["status"];
  await cluster.client.patch(KINDS.Pod, "grpc", "shop", { status }, { type: "merge", subresource: "status" });
});
after(() => cluster.close());

const UNCAPTURED = {
  terminated: { exitCode: 1, reason: "Error", message: "cannot capture the pod's traffic\n" },
};

async function pod(name: string, phase: string | undefined, states: Record<string, object>): Promise<void> {
  const containers = [{ name: "web", image: "x" }];
  const initContainers = ["tandem-init", "tandem-proxy"].map((each) => ({
    name: each,
    image: "x",
    ...(each === "tandem-proxy" && { restartPolicy: "Always" }),
  }));
  const metadata = { name, namespace: "shop", labels: { "tandem.dev/sidecar": "injected" } };
  await cluster.client.create(KINDS.Pod, { metadata, spec: { containers, initContainers } } as never);
  const initContainerStatuses = Object.entries(states).map(([each, state]) => ({
    name: each,
    image: "x",
    imageID: "",
    ready: false,
    restartCount: 0,
    state,
  }));
  const status = { phase: phase ?? "Pending", initContainerStatuses } as unknown as Pod["status"];
  await cluster.client.patch(KINDS.Pod, name, "shop", { status }, { type: "merge", subresource: "status" });
}

test("sidecars that cannot run are among the proxies, with the reason", async () => {
  const found = await proxies(cluster.client);
  assert.deepEqual(
    found.map(({ name, trouble }) => [name, trouble]),
    [
      ["crashed", "container tandem-proxy does not run: CrashLoopBackOff: back-off 10s"],
      ["uncaptured", "container tandem-init does not run: Error: cannot capture the pod's traffic"],
      ["well", undefined],
    ],
  );
});

test("a pod whose application speaks xDS itself has no Envoy to be asked", async () => {
  const names = (await proxies(cluster.client)).map(({ name }) => name);
  assert.ok(names.includes("well") && !names.includes("grpc"), names.join());
  await assert.rejects(findEnvoyPod(cluster.client, "grpc", "shop"), /its application speaks xDS itself/);
});

test("a pod is found by its name, and by NAME.NAMESPACE whatever leads to it", async () => {
  const names = async (target: string, namespace: string) => {
    const { name, namespace: place } = await findEnvoyPod(cluster.client, target, namespace);
    return `${place}/${name}`;
  };
  for (const target of ["well.shop", "pod/well.shop"])
    assert.equal(await names(target, "default"), "shop/well");
  assert.equal(await names("well", "shop"), "shop/well");
  assert.equal(await names("dotted.name", "shop"), "shop/dotted.name");
  assert.equal(await names("dotted.name.shop", "default"), "shop/dotted.name");
  await assert.rejects(names("well.nowhere", "default"), /"well.nowhere" not found/);
  await assert.rejects(names("deploy/none.shop", "default"), /deploy\/none in namespace shop/);
});

test("a pod that cannot be entered is named with the reason, not as a failure of the command", async () => {
  const dump = async (name: string) =>
    dumpOf(cluster.client, await findEnvoyPod(cluster.client, name, "shop"));
  await assert.rejects(dump("well"), (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.match(
      error.message,
      /does not have a host assigned\n {2}where: pod shop\/well\n {2}next: kubectl/,
    );
    return true;
  });
  await assert.rejects(dump("crashed"), /CrashLoopBackOff: back-off 10s\n {2}where: pod shop\/crashed/);
  await assert.rejects(dump("ended"), /the pod has ended/);
});
