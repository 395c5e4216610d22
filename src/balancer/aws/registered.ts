/**
 * Targets that this cluster registered, where others register theirs in the same groups: what is ours and no longer
 * wanted goes, whoever registered the rest. The AWS Load Balancer Controller keeps them in a ConfigMap. Pure.
 */
import type { BalancerModel } from "../../traffic/balancer/model.ts";
import type { Applied } from "./apply.ts";
import type { DesiredStack } from "./model.ts";
import { targetKey } from "./plan/target-groups.ts";

/** Where a Service remembers them: JSON of ids by port. */
export const REGISTERED_ANNOTATION = "tandem.dev/registered-targets";

type Annotations = Readonly<Record<string, string>>;

/** What the annotation remembers, as {@link targetKey} has it; what cannot be read counts as nothing. */
export function readRegistered(annotations: Annotations): ReadonlySet<string> {
  try {
    const read = JSON.parse(annotations[REGISTERED_ANNOTATION] ?? "{}") as Record<string, unknown>;
    const keys = Object.entries(read).flatMap(([port, ids]) =>
      Array.isArray(ids) ? ids.map((id) => targetKey({ id: String(id), port: Number(port) })) : [],
    );
    return new Set(keys);
  } catch {
    return new Set();
  }
}

/** The annotation as it should be after a run, in which what was to go may have stayed; nothing where it is so. */
export function rememberRegistered(
  { aws }: Pick<BalancerModel, "aws">,
  annotations: Annotations,
  { targetGroups }: Pick<DesiredStack, "targetGroups">,
  { failed, busy }: Pick<Applied, "failed" | "busy">,
): Record<string, string | null> {
  const now = annotations[REGISTERED_ANNOTATION] ?? null;
  const wanted = targetGroups.flatMap(({ targets }) => targets.map(targetKey));
  const complete = failed === undefined && busy.length === 0;
  const keys = new Set([...wanted, ...(complete ? [] : readRegistered(annotations))]);
  const value = aws.multiClusterTargetGroups ? textOf([...keys]) : null;
  return value === now ? {} : { [REGISTERED_ANNOTATION]: value };
}

function textOf(keys: readonly string[]): string {
  const pairs = keys.toSorted().map((key) => key.split(" ") as [string, string]);
  const byPort = Map.groupBy(pairs, ([, port]) => port);
  return JSON.stringify(
    Object.fromEntries([...byPort].map(([port, same]) => [port, same.map(([id]) => id)])),
  );
}
