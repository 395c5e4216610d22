import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SecurityRule } from "../../../src/balancer/aws/model.ts";
import { type FakeAws, usualAws } from "../fake-aws/fake.ts";
import { HTTP, HTTPS, LiveService, nodeOf, providerOf, settle, settleRelease, world } from "./cluster.ts";
import { checkServed, nodeRules } from "./served.ts";

const WEB = { name: "web", ports: [HTTP] };
const API = { name: "api", ports: [HTTPS] };

function sharedOf({ world: { groups } }: FakeAws): string | undefined {
  return [...groups.values()].find(({ name }) => name.startsWith("tandem-traffic-"))?.id;
}

/** Ports that nodes let in from the shared group, as `30080-30443`. */
function letIn(aws: FakeAws): string[] {
  const rules = nodeRules(aws.world, sharedOf(aws) ?? "none");
  return rules.map(({ protocol, fromPort, toPort }) => `${protocol} ${fromPort}-${toPort}`).toSorted();
}

/** Two Services at rest, and one provider that served both; from then on the first one is served at every call. */
async function two() {
  const aws = usualAws();
  const { clock } = aws;
  const [web, api] = [new LiveService(WEB), new LiveService(API)];
  let watched = false;
  const watch = () => void (watched && checkServed(aws, web.hostname, [80]));
  const provider = providerOf(aws, aws.connect({ fault: watch }));
  await settle(provider, web, clock);
  await settle(provider, api, clock);
  clock.advance(120_000);
  watched = true;
  return { aws, provider, clock, web, api, unwatch: () => (watched = false) };
}

describe("rules of the nodes", () => {
  test("cover what all Services need, and follow when one goes, without a gap", async () => {
    const { aws, provider, clock, web, api, unwatch } = await two();
    assert.deepEqual(letIn(aws), ["tcp 30080-30443"]);
    await settleRelease(provider, api, clock);
    assert.deepEqual(letIn(aws), ["tcp 30080-30080"]);
    checkServed(aws, web.hostname, [80]);
    unwatch();
    await settleRelease(provider, web, clock);
    assert.equal(sharedOf(aws), undefined);
  });

  test("follow a port that goes or moves", async () => {
    const w = world({ ports: [HTTP, HTTPS] });
    await settle(w.provider, w.live, w.clock);
    assert.deepEqual(letIn(w.aws), ["tcp 30080-30443"]);
    w.live.apply({ ports: [{ ...HTTP, nodePort: 31_000 }] });
    await settle(w.provider, w.live, w.clock);
    assert.deepEqual(letIn(w.aws), ["tcp 31000-31000"]);
  });

  test("stay as wide as Services need that this process has not planned for", async () => {
    const { aws, clock, web, api } = await two();
    const provider = providerOf(aws, aws.connect());
    web.apply({ ports: [{ ...HTTP, nodePort: 30_081 }] });
    await settle(provider, web, clock);
    assert.deepEqual(letIn(aws), ["tcp 30081-30443"]);
    checkServed(aws, api.hostname, [443]);
  });

  test("stay while pods' ports are not known, and follow once they are", async () => {
    const pods = {
      annotations: { "nlb-target-type": "ip" },
      spec: { ports: [{ ...HTTP, targetPort: "http" }] },
    };
    const w = world(pods);
    const api = new LiveService(API);
    await settle(w.provider, w.live, w.clock);
    await settle(w.provider, api, w.clock);
    assert.deepEqual(letIn(w.aws), ["tcp 8080-30443"]);
    const provider = providerOf(w.aws, w.aws.connect());
    await settleRelease(provider, api, w.clock);
    assert.deepEqual(letIn(w.aws), ["tcp 8080-30443"]);
    await settle(provider, w.live, w.clock);
    assert.deepEqual(letIn(w.aws), ["tcp 8080-8080"]);
  });

  test("others' rules are left alone, and where one is the same as ours it is enough", async () => {
    const { aws, provider, clock, web, api } = await two();
    const shared = sharedOf(aws) ?? assert.fail();
    const foreign: SecurityRule[] = [
      { protocol: "tcp", fromPort: 30_080, toPort: 30_080, group: shared, description: "mine" },
      { protocol: "tcp", fromPort: 22, toPort: 22, group: shared },
      { protocol: "tcp", fromPort: 443, toPort: 443, cidr: "192.0.2.0/24" },
    ];
    const { nodeGroup } = aws as FakeAws & { nodeGroup: string };
    aws.now.authorizeIngress(nodeGroup, foreign);
    await settleRelease(provider, api, clock);
    const rules = aws.world.groups.get(nodeGroup)?.rules;
    assert.deepEqual(rules, foreign);
    checkServed(aws, web.hostname, [80]);
  });

  test("go from groups that no node has any more", async () => {
    const w = world(WEB);
    await settle(w.provider, w.live, w.clock);
    const fresh = w.aws.addSecurityGroup("nodes of tomorrow");
    w.aws.addInstance({ id: "i-0bbbbbbbbbbbbbbb1", subnetId: "subnet-a", groups: [fresh] });
    w.live.nodes = [nodeOf("i-0bbbbbbbbbbbbbbb1")];
    await settle(w.provider, w.live, w.clock);
    assert.deepEqual(letIn(w.aws), []);
    assert.equal(w.aws.world.groups.get(fresh)?.rules.length, 1);
  });

  test("are not made narrower beside a Service that is at work", async () => {
    const { aws, provider, clock, web, api } = await two();
    web.apply({ ports: [HTTP, { ...HTTPS, nodePort: 31_500 }] });
    const both = [settle(provider, web, clock), settleRelease(provider, api, clock)];
    await Promise.all(both);
    assert.deepEqual(letIn(aws), ["tcp 30080-31500"]);
    checkServed(aws, web.hostname, [80]);
  });
});
