import { formatAddress, parseAddressAsGo } from "../ip/address.ts";
import type { Family } from "../ip/family.ts";
import { invalid } from "../objects/field-errors.ts";
import { canonicalAsGo, familyAsGo } from "../objects/ip-text.ts";
import { clusterIPsOf, HEADLESS, ipFamiliesOf } from "../objects/service/index.ts";
import { internalError } from "../objects/status.ts";
import type { IPAddress, Service } from "../objects/types.ts";
import { type AddressRange, describeRange, findFreeAddress, isUsableIn, rangesOf } from "./address-ranges.ts";
import { isUntouchedPreferDual, rejectIf } from "./families.ts";
import type { Plan } from "./plan.ts";

/** The label of an IPAddress that names its family. */
const ADDRESS_LABEL_FAMILY = "ipaddress.kubernetes.io/ip-family";
/** The label of an IPAddress that names its writer. */
export const ADDRESS_LABEL_MANAGED_BY = "ipaddress.kubernetes.io/managed-by";
/** The writer of all IPAddress objects of Services. */
export const ADDRESS_MANAGER = "ipallocator.k8s.io";

const CLUSTER_IPS = "spec.clusterIPs";
const FULL = "range is full";

/** The IPAddress object that holds an address for a Service; its name is the canonical address. */
export function ipAddressOf(name: string, family: Family, service: Service): IPAddress {
  const { namespace = "", name: owner } = service.metadata;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: {
      name,
      labels: { [ADDRESS_LABEL_FAMILY]: family, [ADDRESS_LABEL_MANAGED_BY]: ADDRESS_MANAGER },
    },
    spec: { parentRef: { group: "", resource: "services", namespace, name: owner } },
  };
}

/**
 * Gives a Service an address of each of its families, its own choices included (allocClusterIPs in alloc.go).
 * @throws ApiError 422 for a choice that is taken or out of range, 500 when a range is exhausted
 */
export function allocateAddresses(plan: Plan, service: Service): void {
  if (service.spec.type === "ExternalName" || clusterIPsOf(service)[0] === HEADLESS) return;
  const families = ipFamiliesOf(service);
  const ips = [...clusterIPsOf(service)];
  for (const index of families.keys()) ips[index] ??= "";
  // Errors print the list as it is now, with "" for addresses yet to come.
  service.spec.clusterIPs = [...ips];
  for (const [index, family] of families.entries())
    ips[index] = allocate(plan, service, family, ips[index] ?? "");
  service.spec.clusterIPs = ips;
  if (ips[0] !== undefined) service.spec.clusterIP = ips[0];
}

/**
 * Takes and gives back addresses as an update demands: all when it turns from or to ExternalName, the second
 * one when it gains or loses a family (updateClusterIPs in alloc.go).
 */
export function updateAddresses(plan: Plan, service: Service, stored: Service): void {
  if (isUntouchedPreferDual(service, stored)) return;
  const wasExternal = stored.spec.type === "ExternalName";
  const isExternal = service.spec.type === "ExternalName";
  if (wasExternal && !isExternal) {
    allocateAddresses(plan, service);
    return;
  }
  const before = clusterIPsOf(stored);
  if (before[0] === HEADLESS) return;
  const families = ipFamiliesOf(stored);
  if (!wasExternal && isExternal) {
    families.forEach((family, index) => {
      releaseAddress(plan, family, before[index]);
    });
    return;
  }
  const count = ipFamiliesOf(service).length;
  if (families.length === 1 && count === 2) addSecond(plan, service);
  if (families.length === 2 && count === 1) releaseAddress(plan, families[1], before[1]);
}

function addSecond(plan: Plan, service: Service): void {
  const ips = [...clusterIPsOf(service)];
  if (ips.length < 2) ips.push("");
  service.spec.clusterIPs = [...ips];
  const family = ipFamiliesOf(service)[1];
  if (family === undefined) return;
  ips[1] = allocate(plan, service, family, ips[1] ?? "");
  service.spec.clusterIPs = ips;
}

/** Gives back all addresses of a Service that is gone (releaseClusterIPs in alloc.go). */
export function releaseAddresses(plan: Plan, service: Service): void {
  const ips = clusterIPsOf(service);
  if (service.spec.type === "ExternalName" || ips[0] === HEADLESS) return;
  for (const ip of ips) releaseAddress(plan, familyAsGo(ip), ip);
}

/** Addresses of a family that the cluster no longer has stay held, as nothing says whose they are now. */
function releaseAddress(plan: Plan, family: Family | undefined, ip: string | undefined): void {
  const name = ip === undefined ? undefined : canonicalAsGo(ip);
  if (name !== undefined && plan.network.families.some((known) => known === family)) plan.freeAddress(name);
}

/** Takes one address; returns it as the Service is to show it: a user's choice in the user's spelling. */
function allocate(plan: Plan, service: Service, family: Family, wanted: string): string {
  if (!plan.network.families.some((known) => known === family)) {
    // kube-apiserver 1.35 crashes here: a Service that becomes headless may gain a family that the cluster
    // lacks.
    reject(service, `failed to allocate IP: ${family} is not configured on this cluster`);
  }
  const ranges = rangesOf(plan.ledger.serviceCidrs(), family);
  if (plan.dryRun) return wanted === "" ? exampleAddress(ranges) : checkOnly(service, ranges, wanted);
  if (wanted === "") return takeAny(plan, service, family, ranges);
  return takeWanted(plan, service, family, ranges, wanted);
}

function takeAny(plan: Plan, service: Service, family: Family, ranges: readonly AddressRange[]): string {
  for (const range of ranges) {
    if (!range.ready) continue;
    const name = findFreeAddress(range, (candidate) => plan.isAddressTaken(candidate), plan.random);
    if (name === undefined) continue;
    plan.takeAddress(ipAddressOf(name, family, service));
    return name;
  }
  throw internalError(`failed to allocate a serviceIP: ${FULL}`);
}

function takeWanted(
  plan: Plan,
  service: Service,
  family: Family,
  ranges: readonly AddressRange[],
  wanted: string,
): string {
  const address = parseAddressAsGo(wanted);
  if (address === undefined) throw internalError(`failed to parse service IP ${JSON.stringify(wanted)}`);
  if (!ranges.some((range) => range.ready && isUsableIn(range, address))) {
    reject(service, `failed to allocate IP ${wanted}: the provided network does not match the current range`);
  }
  const name = formatAddress(address);
  if (plan.isAddressTaken(name)) {
    reject(service, `failed to allocate IP ${wanted}: provided IP is already allocated`);
  }
  plan.takeAddress(ipAddressOf(name, family, service));
  return wanted;
}

/** A dry run shows the network's own address instead of looking for a free one. */
function exampleAddress(ranges: readonly AddressRange[]): string {
  const range = ranges.find(({ ready }) => ready);
  if (range === undefined) throw internalError(`failed to allocate a serviceIP: ${FULL}`);
  return describeRange(range).network;
}

/** A dry run checks only that some range has the address, not that it is free. */
function checkOnly(service: Service, ranges: readonly AddressRange[], wanted: string): string {
  const address = parseAddressAsGo(wanted);
  const ready = ranges.filter((range) => range.ready);
  if (address !== undefined && ready.some((range) => isUsableIn(range, address))) return wanted;
  const [first] = ready;
  if (first === undefined) reject(service, `failed to allocate IP ${wanted}: allocator not ready`);
  const { text } = describeRange(first);
  const why = `the provided IP (${canonicalAsGo(wanted) ?? wanted}) is not in the valid range. `;
  return reject(service, `failed to allocate IP ${wanted}: ${why}The range of valid IPs is ${text}`);
}

function reject(service: Service, detail: string): never {
  rejectIf(service, [invalid(CLUSTER_IPS, service.spec.clusterIPs, detail)]);
  throw new Error("unreachable");
}
