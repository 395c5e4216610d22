import assert from "node:assert/strict";
import { test } from "node:test";
import { define } from "../../src/cli/gateway.ts";
import { gatewayManifests } from "../../src/cli/gateway/manifests.ts";
import { ENVOY_GATEWAY_KINDS, GATEWAY_KINDS, TANDEM_GATEWAY_KINDS } from "../../src/objects/gateway/index.ts";
import { type Kind, KINDS } from "../../src/objects/kinds.ts";
import { MESH_KINDS } from "../../src/objects/mesh/index.ts";

const OBJECTS = gatewayManifests({ image: "registry.example/tandem:1", clusterDomain: "cluster.test" });
const of = (kind: string) => OBJECTS.find((object) => object.kind === kind) as unknown;

interface Role {
  readonly metadata: { readonly namespace?: string };
  readonly rules: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

function may({ rules }: Role, verb: string, { group, plural }: Pick<Kind, "group" | "plural">): boolean {
  return rules.some(
    ({ apiGroups, resources, verbs }) =>
      apiGroups.includes(group) && resources.includes(plural) && verbs.includes(verb),
  );
}

test("it may watch every kind that Gateways are made from, and write the statuses of those that have one", () => {
  const role = of("ClusterRole") as Role;
  const core = [
    KINDS.Secret,
    KINDS.ConfigMap,
    KINDS.Service,
    KINDS.EndpointSlice,
    KINDS.Namespace,
    KINDS.Pod,
  ];
  const own = Object.values({ ...GATEWAY_KINDS, ...TANDEM_GATEWAY_KINDS });
  for (const kind of [...own, ...Object.values(ENVOY_GATEWAY_KINDS), ...core])
    for (const verb of ["get", "list", "watch"])
      assert.ok(may(role, verb, kind), `${verb} ${kind.plural} of ${kind.group}`);
  assert.ok(may(role, "watch", MESH_KINDS.MeshPolicy));
  for (const { group, plural } of own)
    if (plural !== "referencegrants")
      assert.ok(may(role, "patch", { group, plural: `${plural}/status` }), plural);
  for (const verb of ["create", "patch"]) assert.ok(may(role, verb, KINDS.Event), `${verb} events`);
  for (const kind of [KINDS.Deployment, KINDS.Service, KINDS.ServiceAccount, KINDS.Secret])
    for (const verb of ["create", "patch", "delete"])
      assert.ok(may(role, verb, kind), `${verb} ${kind.plural}`);
});

test("the flags of the pod are those of the command, and name the Service and the Leases that are there", () => {
  const { spec } = of("Deployment") as {
    spec: { template: { metadata: { labels: object }; spec: { containers: { args: string[] }[] } } };
  };
  const [name, ...args] = spec.template.spec.containers[0]?.args ?? [];
  assert.equal(name, "gateway");
  const command = define();
  assert.deepEqual(command.parseOptions(args).unknown, []);
  const flags = command.opts<Record<string, string>>();
  const service = of("Service") as {
    metadata: { name: string; namespace: string };
    spec: { ipFamilyPolicy: string; selector: object; ports: { port: number }[] };
  };
  const { metadata } = service;
  assert.equal(flags["xdsAdvertise"], `${metadata.name}.${metadata.namespace}.svc.cluster.test`);
  assert.equal(flags["clusterDomain"], "cluster.test");
  assert.equal(service.spec.ipFamilyPolicy, "PreferDualStack");
  assert.deepEqual(
    service.spec.ports.map(({ port }) => String(port)),
    [flags["xdsPort"]],
  );
  assert.deepEqual(service.spec.selector, spec.template.metadata.labels);
  const leases = of("Role") as Role;
  assert.equal(flags["leaseNamespace"], leases.metadata.namespace);
  for (const verb of ["get", "list", "watch", "create", "update", "patch", "delete"])
    assert.ok(may(leases, verb, KINDS.Lease), verb);
});
