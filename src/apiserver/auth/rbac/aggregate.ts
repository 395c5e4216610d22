import { matchesLabelSelector } from "../../../objects/index.ts";
import { KINDS } from "../../../objects/kinds.ts";
import type { ClusterRole, PolicyRule } from "../../../objects/rbac/types.ts";
import type { AnyObject } from "../../../objects/types.ts";
import type { Stop, Transaction } from "../../../store/contract.ts";
import type { ApiContext } from "../../context.ts";
import { encodeObject } from "../../registry/encoding.ts";
import { prefixOf } from "../../registry/keys.ts";

/** `rbac.authorization.k8s.io/aggregate-to-view` marks a role as a part of the role `view`. */
export const AGGREGATE_LABEL = "rbac.authorization.k8s.io/aggregate-to-";

/**
 * The rules of a role that is put together from others: those of every other role that one of its selectors matches, in
 * order of names, each once (pkg/controller/clusterroleaggregation).
 */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    for (const part of all) {
      const isOther = part.metadata.name !== role.metadata.name;
      if (!isOther || !matchesLabelSelector(selector, part.metadata.labels ?? {})) continue;
      for (const rule of part.rules ?? []) rules.set(JSON.stringify(rule), rule);
    }
  }
  return [...rules.values()];
}

/** Brings all aggregated ClusterRoles up to date; parts may be aggregates themselves. */
export function aggregateIn(tx: Transaction<string>): void {
  const entries = tx.range(prefixOf(KINDS.ClusterRole));
  const roles = entries.map(({ key, value }) => ({
    key,
    role: JSON.parse(value) as ClusterRole & AnyObject,
  }));
  const aggregates = roles.filter(({ role }) => role.aggregationRule !== undefined);
  const all = roles.map(({ role }) => role);
  const changed = new Set<(typeof roles)[number]>();
  // each round reaches one level further; a circle of roles comes to rest as well, since rules are only added to it
  for (let round = 0; round < aggregates.length; round++) {
    for (const item of aggregates) {
      const rules = aggregatedRules(item.role, all);
      if (JSON.stringify(rules) === JSON.stringify(item.role.rules ?? [])) continue;
      item.role.rules = rules;
      changed.add(item);
    }
  }
  for (const { key, role } of changed) tx.put(key, encodeObject(KINDS.ClusterRole, role, tx.revision));
}

/** Keeps aggregated ClusterRoles up to date from now on, soon after each change of a ClusterRole. */
export function keepAggregated({ store, closing, log }: ApiContext): Stop {
  let isWaiting = false;
  const aggregate = (): void => {
    isWaiting = false;
    if (closing.aborted) return;
    store.transact(aggregateIn).catch((error: Error) => {
      if (!closing.aborted) log(`cannot aggregate ClusterRoles: ${error.message}`);
    });
  };
  const onChanges = (): void => {
    if (isWaiting) return;
    isWaiting = true;
    setImmediate(aggregate);
  };
  return store.watch(prefixOf(KINDS.ClusterRole), store.revision, { onChanges });
}
