/**
 * When a load balancer has to give way to another: which of those that exist is the one to keep, what the next one is
 * called, and what is remembered of those that were replaced. Pure.
 */
import { createHash } from "node:crypto";
import type { BareLoadBalancer } from "./api.ts";
import { type CurrentStack, type DesiredStack, type LoadBalancer, TAG, type Tags } from "./model.ts";
import type { Replaced } from "./steps.ts";

/** Where a Service remembers load balancers that were replaced: a JSON list of {@link Replaced}. */
export const REPLACED_ANNOTATION = "tandem.dev/replaced-load-balancers";
/** How long a replaced load balancer stays, as `10m`; beats the command's flag. */
const GRACE_ANNOTATION = "tandem.dev/replacement-grace-period";
/**
 * The user's word that a load balancer of another controller, which this Service had before, may be deleted after the
 * grace period: its hostname, name or ARN, or `true` for whichever it is.
 */
export const DELETE_OLD_ANNOTATION = "tandem.dev/delete-old-load-balancer";
/** A load balancer with its tags, as a listing knows it. */
export type Tagged<T> = T & { readonly tags: Tags };

/** The generation of what was made for a Service: 0 for the first load balancer. */
function generationOf(tags: Tags): number {
  const number = Number(tags[TAG.generation] ?? "0");
  return Number.isInteger(number) && number >= 0 ? number : 0;
}

/** The same with the newest load balancer first. */
export function newestFirst(current: CurrentStack): CurrentStack {
  const newest = current.loadBalancers.toSorted((a, b) => generationOf(b.tags) - generationOf(a.tags));
  return { ...current, loadBalancers: newest };
}

/** Whether a load balancer can be made what is wanted; type, scheme, and having security groups at all never change. */
function canBecome(balancer: LoadBalancer, desired: DesiredStack): boolean {
  return (
    balancer.type === "network" &&
    balancer.state !== "failed" &&
    balancer.scheme === desired.loadBalancer.scheme &&
    balancer.securityGroups.length > 0 === wantsSecurityGroups(desired)
  );
}

/** Whether a stack's load balancer has security groups, ours or the user's. */
function wantsSecurityGroups({ loadBalancer, securityGroup }: DesiredStack): boolean {
  return securityGroup !== undefined || (loadBalancer.securityGroups?.length ?? 0) > 0;
}

/** The load balancer to keep and make as wanted: the newest that can become it. */
export function keptOf(balancers: readonly LoadBalancer[], desired: DesiredStack): LoadBalancer | undefined {
  const fitting = balancers.filter((balancer) => canBecome(balancer, desired));
  return fitting.toSorted((a, b) => generationOf(b.tags) - generationOf(a.tags) || order(a.arn, b.arn))[0];
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * The generation of the load balancer that is to be: that of the one to keep, else one more than any there is, passing
 * over names that a predecessor of another controller has.
 */
export function generationFor(
  desired: DesiredStack,
  ours: readonly LoadBalancer[],
  predecessors: readonly BareLoadBalancer[],
): number {
  const kept = keptOf(ours, desired);
  if (kept !== undefined) return generationOf(kept.tags);
  const taken = new Set(predecessors.map(({ name }) => name));
  let generation = ours.reduce((most, { tags }) => Math.max(most, generationOf(tags) + 1), 0);
  while (taken.has(nameOf(desired.loadBalancer.name, generation))) generation++;
  return generation;
}

const HASHED = /^(.*-)?([0-9a-f]{10})$/;

/**
 * The name of a thing in a generation, at most 32 characters. The first keeps the given name; later ones change the hash
 * at its end, or get their number where a user gave a name without one.
 */
export function nameOf(name: string, generation: number): string {
  if (generation === 0) return name;
  const hashed = HASHED.exec(name);
  if (hashed === null) return `${name.slice(0, 31 - String(generation).length)}-${generation}`;
  const hash = createHash("sha256").update(`${name}/${generation}`).digest("hex").slice(0, 10);
  return `${hashed[1] ?? ""}${hash}`;
}

/** A stack in a generation: a load balancer and target groups under names of their own; the security group is shared. */
export function inGeneration(stack: DesiredStack, generation: number): DesiredStack {
  const tags = { [TAG.generation]: String(generation) };
  const ours = new Set(stack.targetGroups.map(({ name }) => name));
  const { loadBalancer } = stack;
  return {
    ...stack,
    loadBalancer: {
      ...loadBalancer,
      name: nameOf(loadBalancer.name, generation),
      tags: { ...loadBalancer.tags, ...tags },
    },
    targetGroups: stack.targetGroups.map((group) => ({
      ...group,
      name: nameOf(group.name, generation),
      tags: { ...group.tags, ...tags },
    })),
    listeners: stack.listeners.map((listener) => ({
      ...listener,
      forward: listener.forward.map(({ targetGroup, weight }) => ({
        targetGroup: ours.has(targetGroup) ? nameOf(targetGroup, generation) : targetGroup,
        weight,
      })),
    })),
  };
}

/** What a Service's annotation remembers; what cannot be read counts as nothing, and is written anew. */
export function readReplaced(annotations: Readonly<Record<string, string>>): Replaced[] {
  try {
    const read: unknown = JSON.parse(annotations[REPLACED_ANNOTATION] ?? "[]");
    return Array.isArray(read) ? read.filter(isReplaced) : [];
  } catch {
    return [];
  }
}

function isReplaced(entry: unknown): entry is Replaced {
  if (typeof entry !== "object" || entry === null) return false;
  const { arn, name, hostname, deadline } = entry as Record<string, unknown>;
  const texts = [arn, name, hostname, deadline].every((text) => typeof text === "string");
  return texts && Number.isFinite(Date.parse(deadline as string));
}

/** The annotation's value for these; null where there is nothing to remember. */
export function writeReplaced(replaced: readonly Replaced[]): string | null {
  return replaced.length === 0 ? null : JSON.stringify(replaced);
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** The grace period in milliseconds: the annotation's (`90s`, `10m`, `1h`) where it can be read, else the default. */
export function graceOf(annotations: Readonly<Record<string, string>>, otherwise: number): number {
  const match = /^(\d{1,6})(s|m|h)$/.exec(annotations[GRACE_ANNOTATION]?.trim() ?? "");
  return match === null ? otherwise : Number(match[1]) * (UNITS[match[2] ?? ""] ?? 0);
}

/** Whether something was made for this Service by the in-tree provider, the cloud's, or the AWS controller. */
export function isPredecessor(
  { tags }: { readonly tags: Tags },
  service: { readonly key: string; readonly clusterName: string },
): boolean {
  if (tags[TAG.owner] !== undefined) return false;
  const { key, clusterName } = service;
  const inTree = tags[`kubernetes.io/cluster/${clusterName}`] === "owned";
  if (inTree && tags["kubernetes.io/service-name"] === key) return true;
  return tags[TAG.cluster] === clusterName && tags[TAG.stack] === key;
}

/** Whether the user said that a predecessor may be deleted; without one: that any may. */
export function mayDelete(
  predecessor: BareLoadBalancer | undefined,
  annotations: Readonly<Record<string, string>>,
): boolean {
  const said = annotations[DELETE_OLD_ANNOTATION]?.trim();
  if (said === undefined || said === "") return false;
  if (predecessor === undefined) return true;
  const { arn, name, dnsName } = predecessor;
  return said === "true" || [arn, name, dnsName].some((it) => it.toLowerCase() === said.toLowerCase());
}
