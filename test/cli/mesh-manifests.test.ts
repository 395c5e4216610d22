import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { hopLimitFlag, imageFlag } from "../../src/cli/flags.ts";
import { meshManifests } from "../../src/cli/mesh/manifests.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT, WEBHOOK_PORT } from "../../src/cli/mesh/ports.ts";

const OBJECTS = meshManifests({
  image: "registry.example/tandem:1",
  proxyImage: "registry.example/envoy:1",
  clusterDomain: "cluster.test",
  probeHopLimit: 64,
});
const of = (kind: string) =>
  OBJECTS.find((object) => object.kind === kind) as Record<string, never> | undefined;

test("the Service is of both families where the cluster is, with all ports of the process", () => {
  const { spec } = of("Service") as unknown as {
    spec: { ipFamilyPolicy: string; ports: { port: number }[]; selector: object };
  };
  assert.equal(spec.ipFamilyPolicy, "PreferDualStack");
  assert.deepEqual(
    spec.ports.map(({ port }) => port),
    [MESH_XDS_PORT, WEBHOOK_PORT, MESH_GRPC_PORT],
  );
  const { spec: deployment } = of("Deployment") as unknown as {
    spec: { template: { metadata: { labels: object } } };
  };
  assert.deepEqual(deployment.template.metadata.labels, spec.selector);
});

test("the process is told how it is reached, and by which Service the API server asks", () => {
  const text = JSON.stringify(of("Deployment"));
  assert.match(text, /--webhook-service=tandem-system\/tandem-mesh/);
  assert.match(text, /--advertise=tandem-mesh\.tandem-system\.svc\.cluster\.test/);
  assert.match(text, /--init-image=registry\.example\/tandem:1/);
  assert.match(text, /--proxy-image=registry\.example\/envoy:1/);
  assert.match(text, /"--probe-hop-limit=64"/);
  const { data } = of("ConfigMap") as unknown as { data: { kubeconfig: string } };
  assert.equal((parse(data.kubeconfig) as { kind: string }).kind, "Config");
});

test("two replicas run, of which one at a time may be evicted, and they may have Leases where they look for them", () => {
  const { spec } = of("Deployment") as unknown as {
    spec: { replicas: number; template: { metadata: { labels: object } } };
  };
  assert.equal(spec.replicas, 2);
  const { spec: budget } = of("PodDisruptionBudget") as unknown as {
    spec: { maxUnavailable: number; selector: { matchLabels: object } };
  };
  assert.equal(budget.maxUnavailable, 1);
  assert.deepEqual(budget.selector.matchLabels, spec.template.metadata.labels);
  const { metadata, rules } = of("Role") as unknown as {
    metadata: { namespace: string };
    rules: { resources: string[]; verbs: string[] }[];
  };
  assert.match(JSON.stringify(of("Deployment")), new RegExp(`--lease-namespace=${metadata.namespace}"`));
  for (const verb of ["get", "list", "watch", "create", "update", "patch", "delete"])
    assert.ok(rules[0]?.resources.includes("leases") && rules[0].verbs.includes(verb), verb);
});

test("flags that can be no image are refused, instead of ending up in manifests", () => {
  for (const good of ["tandem", "registry.example:5000/a/b@sha256:00"]) assert.equal(imageFlag(good), good);
  for (const bad of ["", "a b", "-x"]) assert.throws(() => imageFlag(bad), /is no image/);
});

test("a hop limit is a number that packets can have", () => {
  assert.deepEqual(["1", "64", "255"].map(hopLimitFlag), [1, 64, 255]);
  for (const bad of ["", "0", "256", "-1", "6.4", "many"])
    assert.throws(() => hopLimitFlag(bad), /is a number from 1 to 255/);
});
