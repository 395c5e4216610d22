import { KINDS } from "../../objects/kinds.ts";
import type { KubeObject, Pod } from "../../objects/types.ts";
import type { ControllerContext } from "./context.ts";

/** Who makes pods and takes them away: the controller as it is named in events, and the pods' owner. */
export interface PodControl {
  readonly source: string;
  readonly owner: KubeObject;
}

/** Creates a pod and says so in an event of its owner (pkg/controller RealPodControl). */
export async function createPod(
  { writer, events }: ControllerContext,
  { source, owner }: PodControl,
  wanted: Omit<Pod, "apiVersion" | "kind">,
): Promise<void> {
  const pod = await writer.create<Pod>(KINDS.Pod, wanted);
  events.record(source, owner, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
}

/** Deletes a pod and says so in an event of its owner. */
export async function deletePod(
  { writer, events }: ControllerContext,
  { source, owner }: PodControl,
  pod: Pod,
): Promise<void> {
  await writer.delete(KINDS.Pod, pod);
  events.record(source, owner, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
}
