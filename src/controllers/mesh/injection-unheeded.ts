/** What a pod asks of Istio's sidecar and Tandem's does not do. Pure. */
import type { Pod } from "../../objects/types.ts";
import { ISTIO_POD_LABEL } from "./injection-decision.ts";
import { RESOURCE_ANNOTATIONS } from "./injection-resources.ts";

const HEEDED = [ISTIO_POD_LABEL, ...RESOURCE_ANNOTATIONS];
const PREFIXES = ["sidecar.istio.io/", "proxy.istio.io/", "inject.istio.io/", "istio.io/"];

/** Warnings for whoever makes the pod; none where all that it says is heeded. */
export function unheeded({ metadata }: Pod): string[] {
  const names = Object.keys(metadata.annotations ?? {}).filter(
    (name) => !HEEDED.includes(name) && PREFIXES.some((prefix) => name.startsWith(prefix)),
  );
  return names.map((name) => `annotation ${name} has no effect on a sidecar of Tandem's`);
}
