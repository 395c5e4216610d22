import assert from "node:assert/strict";
import { test } from "node:test";
import { sweepOrphans } from "../../src/controllers/balancer/index.ts";
import type { BalancerProvider, Orphan } from "../../src/traffic/balancer/provider.ts";

const SIGNAL = new AbortController().signal;
const NOW = { olderThanMs: 0, now: new Date() };

/** A fake provider whose load balancers were made for these Services: uid by key. */
function providerOf(made: () => ReadonlyMap<string, string>) {
  const deleted: string[] = [];
  const orphan = (service: string): Orphan => {
    return { kind: "LoadBalancer", id: service, name: service, service, why: "", created: undefined };
  };
  const provider: Pick<BalancerProvider, "orphans" | "deleteOrphans"> = {
    orphans: async (live) =>
      [...made()].filter(([service, uid]) => live.get(service) !== uid).map(([service]) => orphan(service)),
    deleteOrphans: async (orphans) => {
      deleted.push(...orphans.map(({ id }) => id));
      return orphans.map((it) => ({ orphan: it, error: undefined }));
    },
  };
  return { provider: provider as BalancerProvider, deleted };
}

test("what was made for a Service that came during the look is no orphan", async () => {
  const live = new Map([["default/old", "1"]]);
  const { provider, deleted } = providerOf(() => {
    live.set("default/new", "2"); // made and served between the two looks
    return new Map([...live, ["default/gone", "3"]]);
  });
  const found = await sweepOrphans(provider, () => new Map(live), NOW, SIGNAL);
  assert.deepEqual(
    found.orphans.map(({ id }) => id),
    ["default/gone"],
  );
  assert.deepEqual(deleted, ["default/gone"]);
});

test("what an earlier Service of a name left is an orphan", async () => {
  const { provider, deleted } = providerOf(() => new Map([["default/web", "1"]]));
  await sweepOrphans(provider, () => new Map([["default/web", "2"]]), NOW, SIGNAL);
  assert.deepEqual(deleted, ["default/web"]);
});
