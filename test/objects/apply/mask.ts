/**
 * Hides what differs from one run to the next, as the recording did: versions, uids, times, addresses and
 * ports.
 */

const TIMES = new Set(["creationTimestamp", "deletionTimestamp", "time", "lastTransitionTime"]);

function maskText(text: string, key: string | undefined): string {
  if (key === "uid") return "<uid>";
  if (key === "resourceVersion") return text === "" || text === "0" ? text : "<rv>";
  if (key !== undefined && TIMES.has(key) && text !== "") return "<time>";
  return text
    .replaceAll("recorded", "{ns}")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uid>")
    .replace(/\bfd00:10:96::[0-9a-f:]+/g, "<ipv6>")
    .replace(/\b10\.96\.\d+\.\d+\b/g, "<ipv4>")
    .replace(/\b3[0-2]\d{3}\b/g, "<port>")
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\b/g, "<time>");
}

function orderOfManager(entry: Record<string, unknown>): string {
  return JSON.stringify([entry["manager"], entry["operation"], entry["subresource"], entry]);
}

/** The value with its keys in order and everything random hidden. */
function mask(value: unknown, key?: string): unknown {
  if (typeof value === "string") return maskText(value, key);
  if (typeof value === "number" && (key === "nodePort" || key === "healthCheckNodePort")) return "<port>";
  if (Array.isArray(value)) {
    const items = value.map((item) => mask(item));
    if (key !== "managedFields") return items;
    const entries = items as Record<string, unknown>[];
    return entries.sort((a, b) => (orderOfManager(a) < orderOfManager(b) ? -1 : 1));
  }
  if (typeof value !== "object" || value === null) return value;
  const object = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(object)
      .sort()
      .map((name) => [name, mask(object[name], name)]),
  );
}

/** An answer as the recording keeps it. */
export function tidy(status: number, answer: unknown, warnings: readonly string[]): unknown {
  const body = mask(answer) as { kind?: string; message?: string; details?: { causes?: unknown[] } };
  const causes = body.kind === "Status" ? body.details?.causes : undefined;
  causes?.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if ((causes?.length ?? 0) > 1) body.message = body.message?.replace(/: \[.*\]$/s, ": [<causes>]") ?? "";
  const texts = warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(", ");
  return { status, ...(texts === "" ? {} : { warnings: mask(texts) }), body };
}
