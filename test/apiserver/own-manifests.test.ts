import assert from "node:assert/strict";
import { test } from "node:test";
import { define } from "../../src/cli/balancer.ts";
import { type BalancerFlags, readBalancerFlags } from "../../src/cli/balancer/flags.ts";
import { balancerManifests } from "../../src/cli/balancer/manifests.ts";
import { gatewayManifests } from "../../src/cli/gateway/manifests.ts";
import { meshManifests } from "../../src/cli/mesh/manifests.ts";
import { apiVersionOf, type Kind, KINDS, resourcePath } from "../../src/objects/kinds.ts";
import type { AnyObject } from "../../src/objects/types.ts";
import { useServer } from "./harness.ts";

const held = useServer();
const SETTINGS = { image: "registry.example/tandem:1", clusterDomain: "cluster.test" };

function balancer(): AnyObject[] {
  const command = define();
  command.parseOptions(["--provider=aws", "--region=eu-west-1", "--vpc-id=vpc-1"]);
  return balancerManifests(readBalancerFlags(command.opts<BalancerFlags>()), { image: SETTINGS.image });
}

for (const [name, objects] of [
  ["gateway", gatewayManifests(SETTINGS)],
  ["mesh", meshManifests(SETTINGS)],
  ["balancer", balancer()],
] as const) {
  test(`what runs the ${name} inside of a cluster is taken, applied a second time too`, async () => {
    for (const object of [...objects, ...objects]) {
      const query = "?fieldManager=test&fieldValidation=Strict";
      const type = "application/apply-patch+yaml";
      const answer = await held.client.call("PATCH", pathOf(object) + query, { body: object, type });
      assert.ok(answer.status === 200 || answer.status === 201, `${pathOf(object)}: ${answer.text}`);
    }
  });
}

function pathOf({ apiVersion, kind: name, metadata }: AnyObject): string {
  const kind = Object.values(KINDS as Record<string, Kind>).find(
    (one) => one.kind === name && apiVersionOf(one) === apiVersion,
  );
  assert.ok(kind, `${apiVersion} ${name} is a kind that is served`);
  return resourcePath(kind, metadata.namespace, metadata.name);
}
