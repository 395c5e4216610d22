import type { Container, Pod } from "../../objects/types.ts";
import type { EventRecorder } from "./events.ts";

/** An event of a pod, or of one of its containers. */
export interface PodEvent {
  readonly container?: Container | undefined;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** Records an event of a pod; that of a container names its place in the spec, as the kubelet's events do. */
export function recordPodEvent(
  events: EventRecorder,
  pod: Pod,
  { container, type, reason, message }: PodEvent,
): void {
  const { name, namespace, uid, resourceVersion } = pod.metadata;
  const fieldPath =
    container === undefined ? {} : { fieldPath: `spec.${listOf(pod, container)}{${container.name}}` };
  const object = { kind: "Pod", apiVersion: "v1", name, namespace, uid, resourceVersion, ...fieldPath };
  events.record({ object: object as never, type, reason, message });
}

/** By its name, which no two containers of a pod have in common. */
function listOf({ spec }: Pod, { name }: Container): string {
  const has = (containers: readonly Container[] = []) => containers.some((one) => one.name === name);
  if (has(spec.initContainers)) return "initContainers";
  return has(spec.ephemeralContainers) ? "ephemeralContainers" : "containers";
}
