import { FAMILIES, type Family } from "../../ip/family.ts";
import type { Pod } from "../../objects/types.ts";

/** Limits the families of a pod in the lab: `IPv4`, `IPv6`, or both with a comma. */
const FAMILIES_ANNOTATION = "tandem.dev/ip-families";

/**
 * The families of a pod, in the cluster's order.
 * @throws Error when the annotation names something else, or no family that the cluster has
 */
export function familiesOfPod(pod: Pod, clusterFamilies: readonly Family[]): readonly Family[] {
  const text = pod.metadata.annotations?.[FAMILIES_ANNOTATION];
  if (text === undefined || pod.spec.hostNetwork) return clusterFamilies;
  const asked = text.split(",").map((part) => part.trim());
  const unknown = asked.find((part) => !FAMILIES.includes(part as Family));
  const where = `annotation ${FAMILIES_ANNOTATION}: ${JSON.stringify(text)}`;
  if (unknown !== undefined) throw new Error(`${where}: ${JSON.stringify(unknown)} is not IPv4 or IPv6`);
  const families = clusterFamilies.filter((family) => asked.includes(family));
  if (families.length === 0)
    throw new Error(`${where}: the cluster has ${clusterFamilies.join(" and ")} only`);
  return families;
}
