/** What a pod's annotations grant its sidecar, as resources of its containers. Pure. */
import { parseQuantity } from "../../objects/quantity.ts";
import type { Container, Pod } from "../../objects/types.ts";
import { PodRefused } from "./pod-refused.ts";

/** Annotation, what it sets. `tandem.dev/NAME` comes before `sidecar.istio.io/NAME`. */
const ANNOTATIONS = [
  ["proxyCPU", "requests", "cpu"],
  ["proxyMemory", "requests", "memory"],
  ["proxyCPULimit", "limits", "cpu"],
  ["proxyMemoryLimit", "limits", "memory"],
] as const;

const PREFIXES = ["tandem.dev/", "sidecar.istio.io/"];

/** The full names of these annotations. */
export const RESOURCE_ANNOTATIONS: readonly string[] = PREFIXES.flatMap((prefix) =>
  ANNOTATIONS.map(([name]) => prefix + name),
);

/**
 * The resources that a pod asks for its sidecar; undefined where it says nothing of them.
 * @throws PodRefused with the annotation that is no quantity
 */
export function sidecarResources({ metadata }: Pod): Container["resources"] {
  const { annotations = {} } = metadata;
  const resources: Record<"requests" | "limits", Record<string, string>> = { requests: {}, limits: {} };
  for (const [name, kind, resource] of ANNOTATIONS) {
    const key = PREFIXES.map((prefix) => prefix + name).find((each) => annotations[each] !== undefined);
    if (key !== undefined) resources[kind][resource] = quantity(key, annotations[key] ?? "");
  }
  const said = Object.entries(resources).filter(([, values]) => Object.keys(values).length > 0);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}

function quantity(key: string, text: string): string {
  const parsed = parseQuantity(text.trim());
  if (typeof parsed !== "string" && parsed.nanos > 0n) return text.trim();
  throw new PodRefused(
    `annotation ${key}: ${JSON.stringify(text)} is no quantity above zero, such as 100m of CPU or 128Mi of memory`,
  );
}
