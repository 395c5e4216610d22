import { createHash } from "node:crypto";

/** The label by which a Gateway's infrastructure is found (GEP-1762). */
export const GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name";
/** Holds the name of the infrastructure, which unlike a Gateway's always fits into a label. */
export const PROXY_LABEL = "tandem.dev/proxy";

const MAX_LABEL = 63;

/**
 * The name of all that is made for a Gateway: `<gateway>-<class>` (GEP-1762). Too long ones are cut and get a hash; one
 * that begins with a digit gets a letter before it, as Services need (RFC 1035).
 */
export function infrastructureName(gateway: string, className: string): string {
  const name = `${gateway}-${className}`.replaceAll(".", "-");
  return shorten(/^[a-z]/.test(name) ? name : `gw-${name}`);
}

/** A text that fits into a label's value: itself, or its beginning with a hash of all. */
export function labelValue(text: string): string {
  return shorten(text);
}

function shorten(text: string): string {
  if (text.length <= MAX_LABEL) return text;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
  return `${text.slice(0, MAX_LABEL - 9).replace(/[^a-z0-9]+$/i, "")}-${hash}`;
}
