import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { meshManifests } from "../../src/cli/mesh/manifests.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT, WEBHOOK_PORT } from "../../src/cli/mesh/ports.ts";

const OBJECTS = meshManifests({ image: "registry.example/tandem:1", clusterDomain: "cluster.test" });
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
  const { data } = of("ConfigMap") as unknown as { data: { kubeconfig: string } };
  assert.equal((parse(data.kubeconfig) as { kind: string }).kind, "Config");
});
