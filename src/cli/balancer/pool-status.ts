/** Statuses of pools: how many addresses are in use and free, and what of a pool cannot be used. */
import { type PoolCount, whyNoRange } from "../../balancer/local/index.ts";
import type { KubeClient } from "../../client/index.ts";
import { FAMILIES, mapFamilies, type PerFamily } from "../../ip/family.ts";
import { BALANCER_KINDS, type LoadBalancerPool } from "../../objects/balancer/index.ts";
import type { Condition } from "../../objects/types.ts";

/** How full pools are, by their names. */
export type PoolCounts = ReadonlyMap<string, PerFamily<PoolCount>>;

/** Writes the statuses that differ. */
export async function writePoolStatuses(
  client: KubeClient,
  pools: readonly LoadBalancerPool[],
  counts: PoolCounts,
): Promise<void> {
  for (const pool of pools) {
    const count = counts.get(pool.metadata.name) ?? {};
    const numbers = mapFamilies(count, ({ used, free }) => ({ used: String(used), free: String(free) }));
    const accepted = acceptedOf(pool);
    const known = pool.status?.conditions?.find(({ type }) => type === accepted.type);
    const sameCondition =
      known !== undefined &&
      known.message === accepted.message &&
      known.observedGeneration === accepted.observedGeneration;
    const sameNumbers = FAMILIES.every((family) => {
      const [before, now] = [pool.status?.[family], numbers[family]];
      return before?.used === now?.used && before?.free === now?.free;
    });
    if (sameCondition && sameNumbers) continue;
    const since = known?.status === accepted.status ? known.lastTransitionTime : undefined;
    const condition = { ...accepted, lastTransitionTime: since ?? accepted.lastTransitionTime };
    // a family that the pool has no more is taken out
    const gone = Object.fromEntries(FAMILIES.map((family) => [family, numbers[family] ?? null]));
    const status = { ...gone, conditions: [condition] };
    const options = { type: "merge", subresource: "status", fieldManager: "tandem-balancer" } as const;
    await client.patch(BALANCER_KINDS.LoadBalancerPool, pool.metadata.name, undefined, { status }, options);
  }
}

function acceptedOf({ metadata, spec }: LoadBalancerPool): Condition {
  const bad = FAMILIES.flatMap((family) =>
    (spec.ranges[family] ?? []).flatMap((text) => {
      const why = whyNoRange(text, family);
      return why === undefined ? [] : [`${text} (${why})`];
    }),
  );
  const isFine = bad.length === 0;
  return {
    type: "Accepted",
    status: isFine ? "True" : "False",
    reason: isFine ? "Accepted" : "InvalidRange",
    message: isFine ? "" : `left out: ${bad.join(", ")}`,
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
    lastTransitionTime: new Date().toISOString().replace(/\.\d+/, ""),
  };
}
