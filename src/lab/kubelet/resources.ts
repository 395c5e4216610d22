import { availableParallelism, totalmem } from "node:os";
import { parseQuantity } from "../../objects/quantity.ts";
import type { Container } from "../../objects/types.ts";

/** What a node of the lab has to give; each has all of the machine. */
export function nodeResources(): Record<string, string> {
  return {
    cpu: String(availableParallelism()),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    "ephemeral-storage": "10Gi",
  };
}

/**
 * A container's limit or request for the downward API: divided by the divisor and rounded up. A limit that is not set is
 * what the node has (pkg/api/v1/resource ExtractContainerResourceValue, MergeContainerResourceLimits).
 */
export function resourceOf(
  container: Container,
  { resource, divisor = "0" }: { resource: string; divisor?: string },
): string {
  const [which = "", name = ""] = /^(limits|requests)\.(.*)$/.exec(resource)?.slice(1) ?? [];
  const { limits = {}, requests = {} } = container.resources ?? {};
  const text = which === "limits" ? (limits[name] ?? nodeResources()[name]) : requests[name];
  const value = nanosOf(text ?? "0");
  const unit = nanosOf(divisor) || 1_000_000_000n;
  return String((value + unit - 1n) / unit);
}

function nanosOf(text: string): bigint {
  const quantity = parseQuantity(text);
  return typeof quantity === "string" ? 0n : quantity.nanos;
}
