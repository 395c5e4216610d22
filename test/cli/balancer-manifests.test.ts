import assert from "node:assert/strict";
import { test } from "node:test";
import { define } from "../../src/cli/balancer.ts";
import { type BalancerFlags, readBalancerFlags } from "../../src/cli/balancer/flags.ts";
import { balancerManifests } from "../../src/cli/balancer/manifests.ts";

const GIVEN = ["--region=eu-west-1", "--vpc-id=vpc-1", "--cluster-name=prod", "--default-tags=a=b,c=d"];
const FORMER = ["--former-cluster-uid=u1", "--former-cluster-uid=u2"];
const MORE = [...FORMER, "--external-managed-tags=x", "--enable-tcp-udp-listener", "--replacement-grace=90s"];

/** What flags mean to the command itself. */
function settingsOf(args: readonly string[]) {
  const command = define();
  command.parseOptions([...args]);
  return readBalancerFlags(command.opts<BalancerFlags>());
}

type Loose = Record<string, unknown> & { kind: string };
const objectsOf = (args: readonly string[]) =>
  balancerManifests(settingsOf(args), {
    image: "registry.example/tandem:1",
    roleArn: "arn:aws:iam::1:role/t",
  });

test("the pod's flags mean what the flags of the command that printed it mean", () => {
  const objects = objectsOf(["--provider=aws", ...GIVEN, ...MORE]) as unknown as Loose[];
  const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as {
    spec: { template: { spec: { containers: { args: string[] }[] } } };
  };
  const [name, ...args] = deployment.spec.template.spec.containers[0]?.args ?? [];
  assert.equal(name, "balancer");
  const kubeconfig = "/etc/tandem/kubeconfig";
  assert.deepEqual(settingsOf(args), {
    ...settingsOf(["--provider=aws", ...GIVEN, ...MORE]),
    kubeconfig,
  });
});

test("the account has its role, and bindings to the rights that there are", () => {
  const objects = objectsOf(GIVEN) as unknown as Loose[];
  const of = (kind: string) => objects.find((object) => object.kind === kind);
  assert.match(
    JSON.stringify(of("ServiceAccount")),
    /"eks\.amazonaws\.com\/role-arn":"arn:aws:iam::1:role\/t"/,
  );
  for (const kind of ["Role", "ClusterRole"]) {
    const { metadata } = of(kind) as unknown as { metadata: { name: string } };
    assert.deepEqual((of(`${kind}Binding`) as { roleRef?: unknown }).roleRef, {
      apiGroup: "rbac.authorization.k8s.io",
      kind,
      name: metadata.name,
    });
  }
});

test("what the pod has to be told must be given", () => {
  assert.throws(() => objectsOf(GIVEN.slice(1)), /where: flag --region/);
  assert.throws(() => objectsOf(["--region=eu-west-1"]), /where: flag --vpc-id/);
});
