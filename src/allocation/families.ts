import { type Family, otherFamily } from "../ip/family.ts";
import { type FieldError, invalid } from "../objects/field-errors.ts";
import { familyAsGo } from "../objects/ip-text.ts";
import {
  clusterIPsOf,
  HEADLESS,
  ipFamiliesOf,
  isSelectorless,
  sameList,
  validateClusterIPs,
} from "../objects/service/index.ts";
import { invalidObject } from "../objects/status.ts";
import type { Service } from "../objects/types.ts";
import type { ServiceNetwork } from "./ledger.ts";

const POLICY = "spec.ipFamilyPolicy";
const ADDRESS_TYPES = new Set(["ClusterIP", "NodePort", "LoadBalancer"]);

/**
 * Decides families and policy of a Service in place: what it says itself, what its addresses say, else what
 * the cluster has (initIPFamilyFields in pkg/registry/core/service/storage/alloc.go).
 * @throws ApiError 422 when these contradict each other or the cluster
 */
export function decideFamilies(network: ServiceNetwork, service: Service, stored?: Service): void {
  if (service.spec.type === "ExternalName" || isUntouchedPreferDual(service, stored)) return;
  decidePolicy(service, stored);
  rejectIf(service, validateClusterIPs(service, stored));
  const errors = stored === undefined ? [] : reduce(service, stored);
  checkSingleStack(service, errors);
  inferFromAddresses(network, service, errors);
  rejectIf(service, errors);
  if (isFree(service)) {
    fillFamilies(service, network, true);
    return;
  }
  rejectIf(service, checkAgainstCluster(network, service));
  fillFamilies(service, network, network.families.length === 2);
}

/**
 * Whether an update leaves alone all that concerns families of a Service that prefers both: such a one is not
 * to gain or lose a family merely because the cluster did.
 */
export function isUntouchedPreferDual(service: Service, stored?: Service): boolean {
  if (stored === undefined || service.spec.ipFamilyPolicy !== "PreferDualStack") return false;
  const before = stored.spec.ipFamilyPolicy;
  return (
    stored.spec.type === service.spec.type &&
    ADDRESS_TYPES.has(service.spec.type ?? "") &&
    (before === undefined || before === "PreferDualStack") &&
    sameList(clusterIPsOf(stored), clusterIPsOf(service)) &&
    sameList(ipFamiliesOf(stored), ipFamiliesOf(service))
  );
}

/** Throws the 422 of these errors, if there are any. */
export function rejectIf(service: Service, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject({ group: "", kind: "Service" }, service.metadata.name, errors);
}

/**
 * Without a word of the user's, the stored policy stays; a new Service gets one family, or both if it is free
 * to.
 */
function decidePolicy(service: Service, stored?: Service): void {
  const fallback = isFree(service) ? "RequireDualStack" : "SingleStack";
  service.spec.ipFamilyPolicy ??= stored?.spec.ipFamilyPolicy ?? fallback;
}

/** Headless and without selector: its endpoints may have any family, whatever the cluster's Services have. */
function isFree(service: Service): boolean {
  return service.spec.clusterIP === HEADLESS && isSelectorless(service);
}

/**
 * Giving up the second family takes the word SingleStack; with it, lists left as they were lose their second
 * item.
 */
function reduce(service: Service, stored: Service): FieldError[] {
  const { spec } = service;
  const ips = clusterIPsOf(service);
  const families = ipFamiliesOf(service);
  const before = { ips: clusterIPsOf(stored), families: ipFamiliesOf(stored) };
  if (spec.ipFamilyPolicy === "SingleStack") {
    if (ips.length > 1 && sameList(before.ips, ips)) spec.clusterIPs = ips.slice(0, 1);
    if (families.length > 1 && sameList(before.families, families)) spec.ipFamilies = families.slice(0, 1);
    return [];
  }
  const errors: FieldError[] = [];
  if (ips.length > 0 && ips.length < before.ips.length) {
    errors.push(
      invalid(POLICY, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP"),
    );
  }
  if (families.length > 0 && families.length < before.families.length) {
    errors.push(
      invalid(POLICY, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family"),
    );
  }
  return errors;
}

function checkSingleStack(service: Service, errors: FieldError[]): void {
  const { ipFamilyPolicy } = service.spec;
  if (ipFamilyPolicy !== "SingleStack") return;
  const detail = "must be 'RequireDualStack' or 'PreferDualStack' when multiple";
  if (clusterIPsOf(service).length === 2) {
    errors.push(invalid(POLICY, ipFamilyPolicy, `${detail} cluster IPs are specified`));
  }
  if (ipFamiliesOf(service).length === 2) {
    errors.push(invalid(POLICY, ipFamilyPolicy, `${detail} IP families are specified`));
  }
}

/** Addresses beyond the end of ipFamilies say their families themselves. */
function inferFromAddresses(network: ServiceNetwork, service: Service, errors: FieldError[]): void {
  const ips = clusterIPsOf(service);
  const families = [...ipFamiliesOf(service)];
  for (const [index, ip] of ips.entries()) {
    if (ip === HEADLESS) break;
    if (index < families.length) continue;
    const family = familyAsGo(ip);
    if (family !== undefined && hasFamily(network, family)) families.push(family);
    else {
      const detail = `${family ?? "unknown"} is not configured on this cluster`;
      errors.push(invalid(`spec.clusterIPs[${index}]`, ips, detail));
    }
  }
  if (families.length > 0) service.spec.ipFamilies = families;
}

function checkAgainstCluster(network: ServiceNetwork, service: Service): FieldError[] {
  const { ipFamilyPolicy } = service.spec;
  const errors: FieldError[] = [];
  if (ipFamilyPolicy === "RequireDualStack" && network.families.length < 2) {
    errors.push(invalid(POLICY, ipFamilyPolicy, "this cluster is not configured for dual-stack services"));
  }
  ipFamiliesOf(service).forEach((family, index) => {
    if (hasFamily(network, family)) return;
    errors.push(invalid(`spec.ipFamilies[${index}]`, family, "not configured on this cluster"));
  });
  return errors;
}

/**
 * Adds the cluster's primary family where there is none, and the other one where two are wanted and `dual`.
 */
function fillFamilies(service: Service, network: ServiceNetwork, dual: boolean): void {
  const given = ipFamiliesOf(service);
  const first = given[0] ?? network.families[0];
  const both = dual && given.length < 2 && service.spec.ipFamilyPolicy !== "SingleStack";
  if (both) service.spec.ipFamilies = [first, otherFamily(first)];
  else if (given.length === 0) service.spec.ipFamilies = [first];
}

function hasFamily(network: ServiceNetwork, family: Family): boolean {
  return network.families.some((known) => known === family);
}
