/** Tags of load balancers, listeners and target groups in the fake. */
import { listenerOf } from "./listeners.ts";
import { loadBalancerOf } from "./load-balancers.ts";
import { targetGroupOf } from "./target-groups.ts";
import type { Calls, World } from "./world.ts";
import { checkTags } from "./world.ts";

function taggedOf(world: World, arn: string): { tags: Record<string, string> } {
  if (arn.includes(":targetgroup/")) return targetGroupOf(world, arn);
  return arn.includes(":listener/") ? listenerOf(world, arn) : loadBalancerOf(world, arn);
}

/** The calls about tags. */
export const tagCalls = {
  describeTags: (world, arns) => new Map(arns.map((arn) => [arn, { ...taggedOf(world, arn).tags }])),

  addTags(world, arn, tags) {
    const it = taggedOf(world, arn);
    checkTags(tags, it.tags);
    Object.assign(it.tags, tags);
  },

  removeTags(world, arn, keys) {
    const it = taggedOf(world, arn);
    for (const key of keys) delete it.tags[key];
  },
} satisfies Partial<Calls>;
