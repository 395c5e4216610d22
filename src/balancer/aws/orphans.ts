/**
 * What belongs to this cluster, was made by Tandem, and belongs to no Service that lives: told by tags alone, so that
 * nothing of another cluster or owner is ever seen here.
 */
import type { Orphan } from "../../traffic/balancer/provider.ts";
import { type Applied, applySteps, Surprise } from "./apply.ts";
import { type AwsApi, AwsError } from "./api.ts";
import { BACKEND_RESOURCE } from "./backend.ts";
import type { Inventory } from "./current.ts";
import { isNotFound, type Listing } from "./listing.ts";
import { TAG, type Tags } from "./model.ts";
import { backendRemoval } from "./plan/node-rules.ts";
import { PROTECTION, removal } from "./plan/replaced.ts";
import type { Step } from "./steps.ts";
import type { Clock } from "./throttle.ts";

/** Load balancers first, then what they hold on to. */
const ORDER = ["LoadBalancer", "TargetGroup", "SecurityGroup"];

/** Finds orphans in a listing; `live` is the uid of each Service by `namespace/name`. */
export function findOrphans(listing: Listing, live: ReadonlyMap<string, string>): Orphan[] {
  const { loadBalancers, targetGroups, securityGroups } = listing.ours();
  const balancers = loadBalancers.flatMap((it) =>
    orphan("LoadBalancer", { id: it.arn, name: it.name, tags: it.tags, created: it.created }, live),
  );
  const groups = targetGroups.flatMap((it) =>
    orphan("TargetGroup", { id: it.arn, name: it.name, tags: it.tags, created: undefined }, live),
  );
  const frontends = securityGroups
    .filter((group) => !isShared(group))
    .flatMap(({ id, name, tags }) => orphan("SecurityGroup", { id, name, tags, created: undefined }, live));
  return [...balancers, ...groups, ...frontends, ...sharedOrphans(listing)];
}

interface Thing {
  readonly id: string;
  readonly name: string;
  readonly tags: Tags;
  readonly created: string | undefined;
}

function orphan(
  kind: string,
  { id, name, tags, created }: Thing,
  live: ReadonlyMap<string, string>,
): Orphan[] {
  const service = tags[TAG.stack] ?? "";
  const why = whyOrphan(service, tags[TAG.uid], live);
  if (why === undefined) return [];
  return [{ kind, id, name, service, why, created: created ?? tags[TAG.created] }];
}

function whyOrphan(
  service: string,
  uid: string | undefined,
  live: ReadonlyMap<string, string>,
): string | undefined {
  const now = live.get(service);
  if (now === undefined)
    return service === "" ? "its tags name no Service" : `Service ${service} does not exist`;
  if (now === uid) return undefined;
  return `it was made for an earlier Service ${service} (uid ${uid ?? "unknown"}, now ${now})`;
}

/** The shared backend group, when no load balancer uses it. */
function sharedOrphans(listing: Listing): Orphan[] {
  return listing
    .ours()
    .securityGroups.filter(isShared)
    .filter(({ id }) => !isUsed(id, listing))
    .map(({ id, name, tags }) => ({
      kind: "SecurityGroup",
      id,
      name,
      service: "",
      why: "it is shared by the cluster's load balancers, and none uses it",
      created: tags[TAG.created],
    }));
}

function isShared({ tags }: { tags: Tags }): boolean {
  return tags[TAG.resource] === BACKEND_RESOURCE;
}

/** Whether any load balancer has this security group. */
export function isUsed(group: string, { loadBalancers }: Listing): boolean {
  return [...loadBalancers.values()].some(({ securityGroups }) => securityGroups.includes(group));
}

/** What of each orphan became: undefined where it went, else why not. */
export type Deleted = { readonly orphan: Orphan; readonly error: string | undefined };

/** What deleting takes. */
export interface DeleteOptions {
  readonly api: AwsApi;
  readonly inventory: Inventory;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Load balancers are being made: the shared group stays. */
  readonly keepShared: boolean;
}

/**
 * Deletes orphans in the order in which they let go of each other. Each is looked at again before: what is not ours, or
 * not there any more, is left alone. Protection that was switched on is switched off. What is still in use stays for the
 * next sweep.
 */
export async function deleteOrphans(orphans: readonly Orphan[], options: DeleteOptions): Promise<Deleted[]> {
  const listing = await options.inventory.listing(undefined, true);
  const deleted: Deleted[] = [];
  for (const orphan of orphans.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))) {
    options.signal.throwIfAborted();
    const error = await deleteOne(orphan, listing, options).catch((thrown: unknown) => messageOf(thrown));
    deleted.push({ orphan, error });
  }
  return deleted;
}

async function deleteOne(
  orphan: Orphan,
  listing: Listing,
  { keepShared, ...options }: DeleteOptions,
): Promise<string | undefined> {
  const group = listing.securityGroups.get(orphan.id);
  if (keepShared && group !== undefined && isShared(group))
    return "a load balancer that needs it is being made";
  const steps = await stepsFor(orphan, listing, options.api);
  if (steps === undefined) return "it is no longer tagged as this cluster's";
  if (steps === "used") return "a load balancer uses it again";
  const known = { targetGroups: new Map(), hostnames: new Map(), owner: "", ...options };
  const applied = await applySteps(steps, known);
  const problem = problemOf(applied);
  if (problem !== undefined) await applySteps(restored(applied), known);
  return problem;
}

/**
 * Nodes' rules for the shared group go before it. Where a load balancer of another process took it meanwhile, AWS keeps
 * the group, and its rules have to come back: without them no target is reached.
 */
function restored({ done }: Applied): Step[] {
  return done.flatMap((step) => (step.do === "revokeIngress" ? [{ ...step, do: "authorizeIngress" }] : []));
}

async function stepsFor(
  { kind, id, name }: Orphan,
  listing: Listing,
  api: AwsApi,
): Promise<Step[] | "used" | undefined> {
  const { loadBalancers, targetGroups, securityGroups } = listing.ours();
  if (kind === "TargetGroup") {
    if (!listing.targetGroups.has(id)) return [];
    const ours = targetGroups.some(({ arn }) => arn === id);
    return ours ? [{ do: "deleteTargetGroup", name, target: id }] : undefined;
  }
  if (kind === "SecurityGroup") {
    const group = securityGroups.find((it) => it.id === id);
    if (group === undefined) return listing.securityGroups.has(id) ? undefined : [];
    if (!isShared(group)) return [{ do: "deleteSecurityGroup", name, target: id }];
    return isUsed(id, listing) ? "used" : backendRemoval(group, [...listing.securityGroups.values()]);
  }
  const balancer = loadBalancers.find(({ arn }) => arn === id);
  if (balancer === undefined) return listing.loadBalancers.has(id) ? undefined : [];
  try {
    const attributes = await api.describeLoadBalancerAttributes(id);
    const leaving = { balancer, protected: attributes[PROTECTION] === "true", targetGroups: [] };
    return removal(leaving, "it belongs to no Service");
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

function problemOf({ busy, failed }: Applied): string | undefined {
  return busy[0]?.error.message ?? failed?.error.message;
}

function messageOf(error: unknown): string {
  if (error instanceof AwsError || error instanceof Surprise) return error.message;
  throw error;
}
