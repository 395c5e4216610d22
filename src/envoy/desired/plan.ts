/** Which clusters a proxy has: one per destination, and one per UDP port that is split among several. */
import type { Destination, ProxyModel } from "../../traffic/gateway/model.ts";
import { udpTarget, weighing } from "./stream.ts";

/** A cluster that should be there. */
export interface ClusterPlan {
  readonly name: string;
  /** What it is like: its (first) destination. */
  readonly like: Destination;
  /** Undefined: endpoints of `like` itself. Else shares by weight; one without a destination is not valid. */
  readonly parts?: readonly { readonly weight: number; readonly destination?: Destination }[];
}

/** The clusters that UDP ports need beside those of destinations. */
export function udpSplits(model: ProxyModel): ClusterPlan[] {
  return model.listeners.flatMap((listener): ClusterPlan[] => {
    if (listener.transport !== "UDP") return [];
    const target = udpTarget(listener, model);
    if (target?.kind !== "split") return [];
    const parts = weighing(target.forward).map(({ weight, destination: key }) => {
      const destination = key === undefined ? undefined : model.destinations.get(key);
      return { weight, ...(destination && { destination }) };
    });
    const like = parts.find((part) => part.destination)?.destination;
    return like === undefined ? [] : [{ name: target.cluster, like, parts }];
  });
}

/** The destinations of a plan. */
export function destinationsOf({ like, parts }: ClusterPlan): readonly Destination[] {
  return parts === undefined ? [like] : parts.flatMap((part) => part.destination ?? []);
}

/** The frontends that a plan's endpoints come from. */
export function frontendsOf(plan: ClusterPlan): string[] {
  return destinationsOf(plan).flatMap(({ target }) => (target.kind === "frontend" ? target.frontend : []));
}
