import type { KubeClient } from "../../client/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Service } from "../../objects/types.ts";
import type { BalancerProvider, Orphan } from "../../traffic/balancer/provider.ts";
import { BALANCER_FINALIZER, type BalancerControllerOptions, NO_CLUSTER } from "./options.ts";

/** What a sweep found and did. */
export interface SweepResult {
  readonly orphans: readonly Orphan[];
  /** Those that were old enough to be deleted; with why one is still there. */
  readonly deleted: readonly { readonly orphan: Orphan; readonly error: string | undefined }[];
}

/** The Services that something may rightly belong to: uid by `namespace/name`. */
export function liveOf(
  services: readonly Service[],
  translate: BalancerControllerOptions["translate"],
): Map<string, string> {
  const live = services.filter(
    (service) =>
      service.metadata.finalizers?.includes(BALANCER_FINALIZER) ||
      translate(service, NO_CLUSTER).ownership.owned,
  );
  return new Map(live.map((service) => [objectKey(service), service.metadata.uid ?? ""]));
}

/** The same, asked of the API server. */
export async function liveServices(
  client: KubeClient,
  translate: BalancerControllerOptions["translate"],
): Promise<Map<string, string>> {
  return liveOf((await client.list<Service>(KINDS.Service)).items, translate);
}

/** Whether something was made so long ago; what has no time of its own counts as new. */
export function isOlderThan({ created }: Orphan, milliseconds: number, now: Date): boolean {
  if (milliseconds <= 0) return true;
  const time = created === undefined ? Number.NaN : Date.parse(created);
  return now.getTime() - time >= milliseconds;
}

/** Which orphans are deleted. */
interface Deletion {
  readonly olderThanMs: number;
  readonly now: Date;
  /** Whether those of a Service, by `namespace/name`, stay for now whatever their age. */
  readonly spares?: (service: string) => boolean;
}

/** Asks for the Services that something may rightly belong to. */
type AskLive = () => ReadonlyMap<string, string> | Promise<ReadonlyMap<string, string>>;

/**
 * Finds what belongs to this cluster and to none of the live Services, and deletes what is old enough; undefined
 * deletes nothing. Services are asked for again after the provider, so that what was made for a new one meanwhile is
 * not taken for an orphan.
 */
export async function sweepOrphans(
  provider: BalancerProvider,
  live: AskLive,
  deletion: Deletion | undefined,
  signal: AbortSignal,
): Promise<SweepResult> {
  const before = await live();
  const found = await provider.orphans(before, signal);
  const after = await live();
  const orphans = found.filter(({ service }) => after.get(service) === before.get(service));
  const old =
    deletion === undefined
      ? []
      : orphans
          .filter((orphan) => isOlderThan(orphan, deletion.olderThanMs, deletion.now))
          .filter(({ service }) => !deletion.spares?.(service));
  return { orphans, deleted: old.length > 0 ? await provider.deleteOrphans(old, signal) : [] };
}
