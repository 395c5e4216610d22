import { conditionOf } from "../../objects/conditions.ts";
import type { Pod, Service } from "../../objects/types.ts";

interface Seen {
  readonly service: number;
  readonly pods: ReadonlyMap<string, number>;
}

/**
 * Finds out when the change happened that a sync works in (k8s.io/endpointslice trigger_time_tracker.go): the
 * earliest of the times that are newer than at the last sync, of the Service's creation and its pods' changes
 * of readiness.
 */
export class TriggerTimes {
  readonly #seen = new Map<string, Seen>();

  /** The time as RFC 3339; undefined when nothing with a known time has changed. */
  next(key: string, service: Service, pods: readonly Pod[]): string | undefined {
    const before = this.#seen.get(key);
    const created = Date.parse(service.metadata.creationTimestamp ?? "");
    const changed: number[] = [];
    const podTimes = new Map<string, number>();
    for (const pod of pods) {
      const time = Date.parse(conditionOf(pod.status?.conditions, "Ready")?.lastTransitionTime ?? "");
      if (Number.isNaN(time)) continue;
      podTimes.set(pod.metadata.name, time);
      if (time > (before?.pods.get(pod.metadata.name) ?? Number.NEGATIVE_INFINITY)) changed.push(time);
    }
    if (created > (before?.service ?? Number.NEGATIVE_INFINITY)) changed.push(created);
    this.#seen.set(key, { service: created, pods: podTimes });
    return format(before === undefined ? created : Math.min(...changed));
  }

  /** Forgets a Service that is gone. */
  forget(key: string): void {
    this.#seen.delete(key);
  }
}

function format(time: number): string | undefined {
  return Number.isFinite(time) ? new Date(time).toISOString().replace(/\.000Z$/, "Z") : undefined;
}
