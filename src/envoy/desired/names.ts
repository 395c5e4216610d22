/** Names, and small pieces of Envoy's JSON that many resources are made of. */
import type { Origin } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";
import type { OriginRef } from "../resources.ts";

/** A cluster that never exists: shares of traffic without a valid backend name it. */
export const NO_CLUSTER = "no-valid-backend";

/** Resources of a kind come over the one stream that delivers everything (ADS). */
export const OVER_ADS: JsonObject = { ads: {}, resource_api_version: "V3" };

/** The name of a certificate's secret; trust has names of its own, as both are secrets to Envoy. */
export function certificateSecret(name: string): string {
  return `certificate/${name}`;
}

/** The name of the secret that holds certificate authorities. */
export function trustSecret(name: string): string {
  return `trust/${name}`;
}

/** A secret that comes over ADS. */
export function secretOverAds(name: string): JsonObject {
  return { name, sds_config: OVER_ADS };
}

/** An Any: a message with its type. `message` is the full name: `envoy.extensions…`. */
export function any(message: string, fields: JsonObject = {}): JsonObject {
  return { "@type": `type.googleapis.com/${message}`, ...fields };
}

/** An Any whose message was encoded before: thousands of parts put together are not encoded anew with each of them. */
export function encodedAny(message: string, bytes: Uint8Array): JsonObject {
  return any(message, { "@encoded": Buffer.from(bytes).toString("base64") });
}

/** An extension: its name and its typed configuration. */
export function extension(name: string, message: string, fields: JsonObject = {}): JsonObject {
  return { name, typed_config: any(message, fields) };
}

/** Milliseconds as a duration: `1.5s`. */
export function duration(milliseconds: number): string {
  return `${Math.max(0, Math.round(milliseconds)) / 1000}s`;
}

/** The share of all that means everything. */
export const ALWAYS: JsonObject = { default_value: { numerator: 100, denominator: "HUNDRED" } };

/** `10.0.0.0/8` or a single address as a CidrRange. */
export function cidrRange(text: string): JsonObject {
  const slash = text.lastIndexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const whole = address.includes(":") ? 128 : 32;
  return { address_prefix: address, prefix_len: slash < 0 ? whole : Number(text.slice(slash + 1)) };
}

/** A socket address. */
export function socketAddress(address: string, port: number, transport: "TCP" | "UDP" = "TCP"): JsonObject {
  const socket = { address, port_value: port };
  return { socket_address: transport === "TCP" ? socket : { ...socket, protocol: transport } };
}

/** Milliseconds of probing as Envoy counts them: whole seconds, at least one. */
export function tcpKeepalive(of: {
  readonly probes?: number;
  readonly idle?: number;
  readonly interval?: number;
}): JsonObject {
  const seconds = (milliseconds: number | undefined) =>
    milliseconds === undefined ? undefined : Math.max(1, Math.round(milliseconds / 1000));
  return {
    keepalive_probes: of.probes,
    keepalive_time: seconds(of.idle),
    keepalive_interval: seconds(of.interval),
  };
}

/** An object that something came from, as text: `HTTPRoute/shop/cart#rule`. */
export function originRef({ kind, key, part }: Origin): OriginRef {
  return part === undefined ? `${kind}/${key}` : `${kind}/${key}#${part}`;
}
