/** Backends that are written down in an object: `tandem.dev/v1alpha1` Backend. */
import { cidrContains, parseCidr } from "../../../ip/cidr.ts";
import { familyOfText, parseAddress } from "../../../ip/address.ts";
import { FAMILIES, type Family } from "../../../ip/family.ts";
import type { Destination, HostTarget, TrustBundle } from "../model.ts";
import { readAuthorities, SYSTEM_TRUST } from "./authorities.ts";
import type { RefUse } from "./backend-ref.ts";
import type { Problem } from "./context.ts";
import { readPreferredFamily } from "./prefer-family.ts";
import { protocolFor } from "./protocol.ts";
import type { BackendObject } from "./types.ts";

/** The destination of a Backend, or why there is none. */
export function hostsDestination(key: string, use: RefUse): Destination | Problem {
  const { route } = use;
  const backend = route.references.backend(key);
  if (backend === undefined) return { reason: "BackendNotFound", message: `Backend ${key} does not exist` };
  const hosts = hostsOf(backend, key, use);
  if ("reason" in hosts) return hosts;
  const tls = use.passthrough ? undefined : trustOf(backend, key, use);
  if (tls !== undefined && "reason" in tls) return tls;
  const protocol = protocolFor(
    use.speak,
    backend.spec.appProtocols?.[0],
    tls !== undefined,
    `Backend ${key}`,
  );
  if (typeof protocol !== "string") return protocol;
  const preferFamily = route.preferFamily ?? readPreferredFamily(backend, route.notes);
  const marks = [
    ...(protocol === "http1" ? [] : [protocol]),
    ...(tls === undefined ? [] : ["tls"]),
    ...(preferFamily === undefined ? [] : [preferFamily]),
  ];
  return {
    key: [`backend/${key}`, ...marks].join("/"),
    target: { kind: "hosts", hosts },
    protocol,
    ...(tls !== undefined && {
      tls: { serverName: backend.spec.tls?.hostname ?? "", trust: tls.name },
    }),
    ...(preferFamily && { preferFamily }),
    origins: [{ kind: "Backend", key }],
  };
}

/** Where the proxy's own ports are: nobody who may write a Backend shall reach them (Envoy's admin is on loopback). */
const FORBIDDEN = [
  "127.0.0.0/8",
  "::1/128",
  "0.0.0.0/32",
  "::/128",
  "169.254.0.0/16",
  "fe80::/10",
  "::ffff:0:0/96",
]
  .map(parseCidr)
  .filter((cidr) => cidr !== undefined);

/** Those that a proxy of the cluster can reach; of the others a condition's message tells. */
function hostsOf(backend: BackendObject, key: string, { route }: RefUse): HostTarget[] | Problem {
  const { families = FAMILIES } = route.references;
  const hosts: HostTarget[] = [];
  const silent: string[] = [];
  for (const [index, { addresses, fqdn, port, zone }] of backend.spec.endpoints.entries()) {
    const bad = (addresses ?? []).find((text) => !isReachable(text));
    if (bad !== undefined) return unsupported(key, index, `${bad} is no address that may be a backend`);
    if (fqdn !== undefined && proxyItself(fqdn))
      return unsupported(key, index, `${fqdn} is the proxy itself`);
    if (fqdn === undefined && !addresses?.length)
      return unsupported(key, index, "has neither addresses nor fqdn");
    if (addresses?.length && !addresses.some((text) => isOfFamily(text, families))) {
      silent.push(
        `Backend ${key}: spec.endpoints[${index}]: ${addresses.join(", ")} cannot be reached: the cluster has only ${families.join(" and ")}`,
      );
      continue;
    }
    hosts.push({
      ...(addresses?.length ? { addresses } : { hostname: fqdn ?? "" }),
      port,
      ...(zone !== undefined && { zone }),
    });
  }
  if (hosts.length === 0)
    return silent.length > 0
      ? { reason: "FamilyNotInCluster", message: silent.join("; ") }
      : { reason: "BackendNotFound", message: `Backend ${key} has no endpoints` };
  route.notes.push(...silent);
  return hosts;
}

function unsupported(key: string, index: number, why: string): Problem {
  return { reason: "UnsupportedAddress", message: `Backend ${key}: spec.endpoints[${index}]: ${why}` };
}

function isOfFamily(text: string, families: readonly Family[]): boolean {
  const family = familyOfText(text);
  return family !== undefined && families.includes(family);
}

/** Whether a host, by name or address, is one that is the proxy itself, or on its link: nobody may have it asked. */
export function proxyItself(host: string): boolean {
  const isAddress = parseAddress(host) !== undefined;
  return isAddress ? !isReachable(host) : /(^|\.)localhost\.?$/i.test(host);
}

function isReachable(text: string): boolean {
  const address = parseAddress(text);
  return address !== undefined && !FORBIDDEN.some((cidr) => cidrContains(cidr, address));
}

function trustOf(backend: BackendObject, key: string, use: RefUse): TrustBundle | Problem | undefined {
  const { tls } = backend.spec;
  if (tls === undefined || use.speak === "udp") return undefined;
  const bundle =
    tls.wellKnownCACertificates === "System"
      ? SYSTEM_TRUST
      : readTrust(tls.caCertificateRefs ?? [], key, use);
  if ("reason" in bundle) return bundle;
  use.needs?.trust.set(bundle.name, bundle);
  return bundle;
}

function readTrust(
  refs: NonNullable<NonNullable<BackendObject["spec"]["tls"]>["caCertificateRefs"]>,
  key: string,
  { route }: RefUse,
): TrustBundle | Problem {
  const namespace = key.slice(0, key.indexOf("/"));
  const field = `Backend ${key}: spec.tls.caCertificateRefs`;
  const { texts, problems } = readAuthorities(refs, { namespace, field, references: route.references });
  if (texts.length === 0)
    return problems[0] ?? { reason: "InvalidCACertificateRef", message: `${field}: names nobody to trust` };
  route.notes.push(...problems.map(({ message }) => message));
  return {
    name: `backend/${key}`,
    certificates: texts.join("\n"),
    origins: [{ kind: "Backend", key }],
  };
}
