/**
 * Listeners, matched by port. Where one has to forward to another target group, the new group stands beside the old one
 * without weight until its targets are healthy: AWS checks only targets of groups that a listener names.
 */
import type { DesiredListener, Listener, TargetGroup } from "../model.ts";
import { type Change, forwardText, listenerName, type Reference, type Step } from "../steps.ts";
import { entryChanges, missingEntries, tagSteps } from "./differences.ts";

/** Steps by when they are to be done. */
export interface ListenerPlan {
  /** Before the status says this load balancer. */
  readonly before: readonly Step[];
  /** Once the targets of groups that came beside others are healthy. */
  readonly swaps: readonly Step[];
  /** Names of those groups. */
  readonly joined: readonly string[];
  /** Listeners that nobody wants any more. */
  readonly after: readonly Step[];
}

/** What listeners are planned with. */
export interface ListenerSurroundings {
  readonly loadBalancer: Reference;
  readonly existing: readonly Listener[];
  readonly targetGroups: readonly TargetGroup[];
  readonly externalTags: ReadonlySet<string>;
}

type Forward = DesiredListener["forward"];

/** Makes the listeners be as wanted. */
export function listenerSteps(
  wanted: readonly DesiredListener[],
  surroundings: ListenerSurroundings,
): ListenerPlan {
  const before: Step[] = [];
  const swaps: Step[] = [];
  const joined: string[] = [];
  const { existing } = surroundings;
  for (const spec of wanted) {
    const current = existing.find(({ port }) => port === spec.port);
    if (current === undefined) {
      before.push(...creation(spec, surroundings.loadBalancer));
      continue;
    }
    const plan = changes(spec, current, surroundings);
    before.push(...plan.before);
    swaps.push(...plan.swaps);
    joined.push(...plan.joined);
  }
  const ports = new Set(wanted.map(({ port }) => port));
  const after = existing
    .filter(({ port }) => !ports.has(port))
    .map((it) => ({ do: "deleteListener" as const, name: listenerName(it), target: it.arn }));
  return { before, swaps, joined, after };
}

function creation(spec: DesiredListener, on: Reference): Step[] {
  const name = listenerName(spec);
  const { attributes, certificates } = spec;
  const steps: Step[] = [{ do: "createListener", on, spec }];
  const target = `${on} ${spec.port}`;
  if (Object.keys(attributes).length > 0)
    steps.push({
      do: "modifyListenerAttributes",
      name,
      target,
      attributes,
      changes: entryChanges(attributes, {}),
    });
  const others = certificates.slice(1);
  if (others.length > 0) steps.push({ do: "changeCertificates", name, target, add: others, remove: [] });
  return steps;
}

function changes(
  wanted: DesiredListener,
  current: Listener,
  { targetGroups, externalTags }: ListenerSurroundings,
): Omit<ListenerPlan, "after"> {
  const on = { name: listenerName(current), target: current.arn };
  const arnOf = (group: Reference): Reference =>
    targetGroups.find(({ name }) => name === group)?.arn ?? group;
  const spec = {
    ...wanted,
    forward: wanted.forward.map((to) => ({ ...to, targetGroup: arnOf(to.targetGroup) })),
  };
  const swap = swapOf(spec, current);
  const changed = settingChanges(spec, current, swap?.forward ?? spec.forward);
  const before: Step[] = [];
  if (changed.length > 0 && swap === undefined)
    before.push({ do: "modifyListener", ...on, spec, changes: changed });
  if (changed.length > 0 && swap !== undefined)
    before.push({ do: "modifyListener", ...on, spec: swap, changes: changed, instead: spec });
  const attributes = missingEntries(wanted.attributes, current.attributes);
  if (Object.keys(attributes).length > 0)
    before.push({
      do: "modifyListenerAttributes",
      ...on,
      attributes,
      changes: entryChanges(attributes, current.attributes),
    });
  before.push(...certificateSteps(wanted, current));
  before.push(...tagSteps({ kind: "Listener", ...on }, wanted.tags, current.tags, externalTags));
  if (swap === undefined) return { before, swaps: [], joined: [] };
  const change = forwardChange(swap.forward, spec.forward);
  return {
    before,
    swaps: [{ do: "modifyListener", ...on, spec, changes: change }],
    joined: newcomers(wanted.forward, spec.forward, current.forward),
  };
}

/**
 * The listener with its old groups as they are and the new ones beside them without weight; undefined where there is
 * nothing to wait for: no group goes, none comes, or the protocol changes with them.
 */
function swapOf(spec: DesiredListener, current: Listener): DesiredListener | undefined {
  if (spec.protocol !== current.protocol) return undefined;
  const wanted = new Set(spec.forward.map(({ targetGroup }) => targetGroup));
  const serving = current.forward.filter(({ weight }) => weight > 0 || current.forward.length === 1);
  const goes = serving.some(({ targetGroup }) => !wanted.has(targetGroup));
  const served = new Set(serving.map(({ targetGroup }) => targetGroup));
  const comes = spec.forward.filter(({ targetGroup }) => !served.has(targetGroup));
  if (!goes || comes.length === 0 || serving.length + comes.length > 5) return undefined;
  const kept = serving.map((to) => ({ targetGroup: to.targetGroup, weight: Math.max(to.weight, 1) }));
  const beside = comes.map(({ targetGroup }) => ({ targetGroup, weight: 0 }));
  return { ...spec, forward: [...kept, ...beside] };
}

/** Names (as wanted) of the groups that do not serve yet. */
function newcomers(names: Forward, arns: Forward, current: Forward): string[] {
  const serving = new Set(current.filter(({ weight }) => weight > 0).map(({ targetGroup }) => targetGroup));
  return names
    .filter((_, index) => !serving.has(arns[index]?.targetGroup ?? ""))
    .map(({ targetGroup }) => targetGroup);
}

function settingChanges(spec: DesiredListener, current: Listener, forward: Forward): Change[] {
  const changes: Change[] = [];
  const note = (field: string, from: string | undefined, to: string | undefined): void => {
    if (from !== to) changes.push({ field, from: from ?? "none", to: to ?? "none" });
  };
  note("protocol", current.protocol, spec.protocol);
  if (!sameForward(current.forward, forward)) changes.push(...forwardChange(current.forward, forward));
  note("stickiness", stickiness(current), stickiness(spec));
  note("certificate", current.certificates[0], spec.certificates[0]);
  if (spec.sslPolicy !== undefined) note("sslPolicy", current.sslPolicy, spec.sslPolicy);
  if (spec.alpnPolicy !== undefined) note("alpnPolicy", current.alpnPolicy, spec.alpnPolicy);
  return changes;
}

function stickiness({ sticky }: Pick<DesiredListener, "sticky">): string {
  return sticky === true ? "on" : "off";
}

function forwardChange(from: Forward, to: Forward): Change[] {
  return [{ field: "forward", from: forwardText(from), to: forwardText(to) }];
}

/** One group alone gets everything, whatever its weight. */
function sameForward(a: Forward, b: Forward): boolean {
  const plain = (forward: Forward): string =>
    forward
      .map(({ targetGroup, weight }) => `${targetGroup} ${forward.length === 1 ? 1 : weight}`)
      .toSorted()
      .join();
  return plain(a) === plain(b);
}

function certificateSteps(wanted: DesiredListener, current: Listener): Step[] {
  const [first, ...others] = wanted.certificates;
  if (first === undefined) return [];
  const had = new Set(current.certificates.slice(1));
  const add = others.filter((arn) => !had.has(arn));
  const remove = [...had].filter((arn) => !others.includes(arn) && arn !== first);
  if (add.length === 0 && remove.length === 0) return [];
  const on = { name: listenerName(current), target: current.arn };
  return [{ do: "changeCertificates", ...on, add, remove }];
}
