/** Target groups and their targets: new ones are made and filled before any listener forwards to them. */
import type { HealthCheck } from "../../../traffic/balancer/model.ts";
import { type DesiredTargetGroup, TAG, type Target, type TargetGroup } from "../model.ts";
import type { Change, Step } from "../steps.ts";
import { entryChanges, missingEntries, tagSteps } from "./differences.ts";

/** What beside the groups themselves says how they are brought about. */
export interface TargetGroupOptions {
  readonly externalTags: ReadonlySet<string>;
  /** Other clusters register targets, too: of those that are not wanted only these go. Undefined: all. */
  readonly registered: ReadonlySet<string> | undefined;
}

/** Makes each wanted group exist, with its targets. */
export function targetGroupSteps(
  wanted: readonly DesiredTargetGroup[],
  existing: readonly TargetGroup[],
  options: TargetGroupOptions,
): Step[] {
  const byName = new Map(existing.map((group) => [group.name, group]));
  return wanted.flatMap((group) => {
    const current = byName.get(group.name);
    return current === undefined ? creation(group) : changes(group, current, options);
  });
}

function creation(spec: DesiredTargetGroup): Step[] {
  const { name, attributes, targets } = spec;
  const on = { name, target: name };
  const steps: Step[] = [{ do: "createTargetGroup", spec }];
  if (Object.keys(attributes).length > 0)
    steps.push({
      do: "modifyTargetGroupAttributes",
      ...on,
      attributes,
      changes: entryChanges(attributes, {}),
    });
  if (targets.length > 0) steps.push({ do: "registerTargets", ...on, targets });
  return steps;
}

function changes(wanted: DesiredTargetGroup, current: TargetGroup, options: TargetGroupOptions): Step[] {
  const on = { name: current.name, target: current.arn };
  const steps: Step[] = [];
  const health = healthCheckChanges(wanted.healthCheck, current.healthCheck);
  if (health.length > 0)
    steps.push({ do: "modifyHealthCheck", ...on, healthCheck: wanted.healthCheck, changes: health });
  const attributes = missingEntries(wanted.attributes, current.attributes);
  if (Object.keys(attributes).length > 0)
    steps.push({
      do: "modifyTargetGroupAttributes",
      ...on,
      attributes,
      changes: entryChanges(attributes, current.attributes),
    });
  steps.push(...tagSteps({ kind: "TargetGroup", ...on }, wanted.tags, current.tags, options.externalTags));
  return [...steps, ...targetSteps(wanted.targets, current, options)];
}

function healthCheckChanges(wanted: HealthCheck, current: HealthCheck): Change[] {
  const http = wanted.protocol !== "TCP";
  const compared: (keyof HealthCheck)[] = ["protocol", "port", "intervalSeconds", "timeoutSeconds"];
  compared.push("healthyThreshold", "unhealthyThreshold");
  if (http && wanted.path !== undefined) compared.push("path");
  if (http && wanted.successCodes !== undefined) compared.push("successCodes");
  return compared
    .filter((field) => wanted[field] !== current[field])
    .map((field) => ({
      field: `healthCheck.${field}`,
      from: String(current[field] ?? "unset"),
      to: String(wanted[field]),
    }));
}

/** Registers what is missing, then takes away what is too much; draining targets are on their way out already. */
export function targetSteps(
  wanted: readonly Target[],
  current: TargetGroup,
  { registered }: Pick<TargetGroupOptions, "registered">,
): Step[] {
  const on = { name: current.name, target: current.arn };
  const present = current.targets.filter(({ health }) => health !== "draining");
  const had = new Set(present.map(targetKey));
  const want = new Set(wanted.map(targetKey));
  const missing = wanted.filter((target) => !had.has(targetKey(target)));
  const unwanted = present.filter((target) => !want.has(targetKey(target)));
  const extra = unwanted.filter((target) => registered?.has(targetKey(target)) ?? true);
  const steps: Step[] = [];
  if (missing.length > 0) steps.push({ do: "registerTargets", ...on, targets: missing });
  if (extra.length > 0) steps.push({ do: "deregisterTargets", ...on, targets: extra.map(bare) });
  return steps;
}

/** What tells targets of a group apart. */
export function targetKey({ id, port }: Pick<Target, "id" | "port">): string {
  return `${id} ${port}`;
}

function bare({ id, port, availabilityZone }: Target): Target {
  return { id, port, ...(availabilityZone === undefined ? {} : { availabilityZone }) };
}

/** How long health checks may have no result before none is expected, in milliseconds. */
const JUDGED_WITHIN_MS = 15 * 60_000;

/**
 * Why a group's targets do not carry traffic yet; undefined where they do, or where waiting would change nothing: there
 * are none; all were judged, none is healthy, and what serves until now (`serving`) has no healthy one either; or the
 * group is old and its health checks still say nothing.
 */
export function notReady(
  wanted: DesiredTargetGroup,
  current: TargetGroup | undefined,
  { serving, now }: { serving: boolean; now: number },
): string | undefined {
  if (wanted.targets.length === 0) return undefined;
  const targets = current?.targets.filter(({ health }) => health !== "draining") ?? [];
  const count = (health: string): number => targets.filter((target) => target.health === health).length;
  const [healthy, unhealthy, fresh] = [count("healthy"), count("unhealthy"), count("initial")];
  const old = now - Date.parse(current?.tags[TAG.created] ?? "") > JUDGED_WITHIN_MS;
  if (targets.length > 0 && (fresh === 0 || old)) {
    if (healthy > 0) return undefined;
    if (unhealthy > 0 ? !serving : old) return undefined;
  }
  return `${healthy} of ${wanted.targets.length} targets are healthy, ${fresh} are new`;
}

/** Whether any target of these groups is healthy. */
export function anyHealthy(groups: readonly TargetGroup[]): boolean {
  return groups.some(({ targets }) => targets.some(({ health }) => health === "healthy"));
}
