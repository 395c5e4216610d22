/** Addresses in Envoy's resources as people read them: all of a thing's, of both families. Pure. */
import { joinHostPort } from "../../ip/address.ts";
import type { JsonObject } from "../proto/index.ts";
import { objectOr, objectsIn } from "./dump.ts";

/** An address and what it is for; sockets of files have no port. */
export interface ShownAddress {
  readonly host: string;
  readonly port?: number;
}

/** Where a listener is bound. */
export interface BoundAddress {
  readonly host: string;
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
  /** Whether `::` takes clients over IPv4, too. */
  readonly ipv4Compat: boolean;
}

/** The address and the additional addresses of a listener or an endpoint, in their order. */
export function addressesOf(owner: JsonObject): ShownAddress[] {
  return allOf(owner).flatMap(shown);
}

/** The sockets that a listener binds in the network. */
export function boundAddresses(listener: JsonObject): BoundAddress[] {
  return allOf(listener).flatMap((address) => {
    const socket = objectOr(address["socket_address"]);
    if (socket["address"] === undefined) return [];
    return {
      host: String(socket["address"]),
      port: Number(socket["port_value"] ?? 0),
      protocol: socket["protocol"] === "UDP" ? "UDP" : "TCP",
      ipv4Compat: socket["ipv4_compat"] === true,
    };
  });
}

function allOf(owner: JsonObject): readonly JsonObject[] {
  const further = objectsIn(owner["additional_addresses"]).map((additional) =>
    objectOr(additional["address"]),
  );
  return [objectOr(owner["address"]), ...further];
}

function shown(address: JsonObject): ShownAddress[] {
  const socket = objectOr(address["socket_address"]);
  const pipe = objectOr(address["pipe"]);
  const internal = objectOr(address["envoy_internal_address"]);
  if (socket["address"] !== undefined)
    return [{ host: String(socket["address"]), port: Number(socket["port_value"] ?? 0) }];
  if (pipe["path"] !== undefined) return [{ host: `unix://${String(pipe["path"])}` }];
  return Object.keys(internal).length > 0 ? [{ host: `internal:${Object.values(internal).join("/")}` }] : [];
}

/** `10.0.0.1:80,[fd00::1]:80`. */
export function withPorts(addresses: readonly ShownAddress[]): string {
  return addresses.map(({ host, port }) => (port === undefined ? host : joinHostPort(host, port))).join(",");
}

/** `0.0.0.0,[::]`: for tables with a column for the port. */
export function withoutPorts(addresses: readonly ShownAddress[]): string {
  return addresses
    .map(({ host }) => (host.includes(":") && !host.includes("/") ? `[${host}]` : host))
    .join(",");
}
