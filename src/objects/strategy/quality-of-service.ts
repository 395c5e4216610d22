import { parseQuantity } from "../quantity.ts";
import type { Container, PodSpec } from "../types.ts";

const COMPUTE = ["cpu", "memory"];

/** The class that decides which pods go first when a node runs short (component-helpers qos.go). */
export function qualityOfService(spec: PodSpec): "Guaranteed" | "Burstable" | "BestEffort" {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  if (!containers.some(asksForSomething)) return "BestEffort";
  return containers.every(getsAllItAsksFor) ? "Guaranteed" : "Burstable";
}

function amount(text: string | undefined): bigint {
  const quantity = text === undefined ? "" : parseQuantity(text);
  return typeof quantity === "string" ? 0n : quantity.nanos;
}

function asksForSomething({ resources }: Container): boolean {
  return COMPUTE.some(
    (name) => amount(resources?.requests?.[name]) > 0n || amount(resources?.limits?.[name]) > 0n,
  );
}

function getsAllItAsksFor({ resources }: Container): boolean {
  return COMPUTE.every((name) => {
    const limit = amount(resources?.limits?.[name]);
    return limit > 0n && limit === amount(resources?.requests?.[name] ?? resources?.limits?.[name]);
  });
}
