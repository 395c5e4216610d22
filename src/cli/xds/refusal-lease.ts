/** What the proxies of one replica refuse, as its Lease tells the others and `tandem proxy-status`. Pure. */
import { RESOURCE_KINDS, type ResourceKind } from "../../envoy/resources.ts";
import type { Lease } from "../../objects/types.ts";

/** A resource that proxies refuse. */
export interface Refusal {
  /** A Gateway or a sidecar's pod, `namespace/name`. */
  readonly proxy: string;
  readonly kind: ResourceKind;
  readonly name: string;
  /** The proxy's own words. */
  readonly message: string;
  /** The objects that it comes from, `Kind/namespace/name`, with `#part` where only that is meant. */
  readonly origins: readonly string[];
  /** The pods whose proxies refuse it, `namespace/name`. */
  readonly pods: readonly string[];
}

/** Leases that tell of refusals have this label; its value is the component. */
export const REFUSALS_LABEL = "tandem.dev/refusals-of";
const ANNOTATION = "tandem.dev/refusals";
/** Annotations of an object have 256 KiB together; what is more is left out. */
const MOST_BYTES = 200_000;
const MOST_CHARACTERS = 1_000;
const MOST_ORIGINS = 20;

/** The annotation of the Lease that tells of refusals. */
export function annotationsOf(refusals: readonly Refusal[]): Record<string, string> {
  const told: Refusal[] = [];
  let bytes = 0;
  for (const refusal of refusals) {
    const { message, origins } = refusal;
    const short = {
      ...refusal,
      message: message.slice(0, MOST_CHARACTERS),
      origins: origins.slice(0, MOST_ORIGINS),
    };
    bytes += Buffer.byteLength(JSON.stringify(short)) + 1;
    if (bytes > MOST_BYTES) break;
    told.push(short);
  }
  return { [ANNOTATION]: JSON.stringify(told) };
}

/** What a Lease tells; nothing where it cannot be read. */
export function refusalsOf({ metadata }: Lease): readonly Refusal[] {
  try {
    const told: unknown = JSON.parse(metadata.annotations?.[ANNOTATION] ?? "[]");
    return Array.isArray(told) ? told.filter(isRefusal) : [];
  } catch {
    return [];
  }
}

function isRefusal(value: unknown): value is Refusal {
  const { proxy, kind, name, message, origins, pods } = (value ?? {}) as Record<string, unknown>;
  const areTexts = (list: unknown) => Array.isArray(list) && list.every((one) => typeof one === "string");
  return (
    [proxy, name, message].every((text) => typeof text === "string") &&
    (RESOURCE_KINDS as readonly unknown[]).includes(kind) &&
    areTexts(origins) &&
    areTexts(pods)
  );
}
