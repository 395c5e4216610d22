import type { Informer, ObjectChange } from "../../client/index.ts";
import { objectKey } from "../../objects/kinds.ts";
import type { Pod, Service } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";
import { hasLabels } from "../runtime/labels.ts";
import { isPodReady } from "../runtime/pods.ts";

/**
 * Whether the controllers of endpoints care for a Service: those without a selector have endpoints of their
 * own.
 */
export function isSelecting(service: Service): boolean {
  return service.spec.type !== "ExternalName" && service.spec.selector !== undefined;
}

/** The pods that a Service selects. */
export function selectedPods(pods: Informer<Pod>, service: Service): Pod[] {
  const { selector = {} } = service.spec;
  return pods
    .list(service.metadata.namespace ?? "")
    .filter(({ metadata }) => hasLabels(metadata.labels, selector));
}

/** The keys of the Services whose endpoints a change of a pod may concern. */
export function servicesOfChange(services: Informer<Service>, change: ObjectChange<Pod>): string[] {
  const { type, object: pod, previous } = change;
  if (type === "updated" && previous !== undefined && !endpointChanged(pod, previous)) return [];
  return services
    .list(pod.metadata.namespace ?? "")
    .filter(isSelecting)
    .filter(({ spec }) => {
      const { selector = {} } = spec;
      const { labels: before } = (previous ?? pod).metadata;
      return hasLabels(pod.metadata.labels, selector) || hasLabels(before, selector);
    })
    .map(objectKey);
}

/**
 * Whether something changed that endpoints show (podEndpointsChanged); the node is set before there are
 * addresses.
 */
function endpointChanged(pod: Pod, previous: Pod): boolean {
  return (
    isPodReady(pod) !== isPodReady(previous) ||
    pod.metadata.deletionTimestamp !== previous.metadata.deletionTimestamp ||
    pod.status?.phase !== previous.status?.phase ||
    !sameValue(pod.status?.podIPs, previous.status?.podIPs) ||
    !sameValue(pod.metadata.labels, previous.metadata.labels) ||
    pod.spec.hostname !== previous.spec.hostname ||
    pod.spec.subdomain !== previous.spec.subdomain ||
    pod.spec.nodeName !== previous.spec.nodeName
  );
}
