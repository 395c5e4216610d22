import { type FieldError, duplicate, invalid, notSupported, required } from "../field-errors.ts";
import { checkLegacyAddress, familyAsGo } from "../ip-text.ts";
import type { Service } from "../types.ts";
import { clusterIPsOf, HEADLESS, ipFamiliesOf, isHeadless } from "./predicates.ts";

const FAMILIES: readonly string[] = ["IPv4", "IPv6"];
const POLICIES: readonly string[] = ["PreferDualStack", "RequireDualStack", "SingleStack"];
const CLUSTER_IPS = "spec.clusterIPs";

/**
 * Checks clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy against each other; addresses that the stored
 * object has already are taken as they are. Nothing is checked for ExternalName
 * (ValidateServiceClusterIPsRelatedFields in pkg/apis/core/validation/validation.go).
 */
export function validateClusterIPs(service: Service, stored?: Service): FieldError[] {
  if (service.spec.type === "ExternalName") return [];
  const errors = checkSingular(service);
  checkFamilies(service, errors);
  checkPolicy(service, errors);
  const wellFormed = checkEachAddress(service, stored, errors);
  const ips = clusterIPsOf(service);
  if (ips.length > 2) errors.push(invalid(CLUSTER_IPS, ips, "may only hold up to 2 values"));
  // Wrong indexes and families of what is no address would only confuse.
  if (!wellFormed) return errors;
  checkOnePerFamily(ips, errors);
  checkAgainstFamilies(service, errors);
  return errors;
}

function checkSingular(service: Service): FieldError[] {
  const { clusterIP = "" } = service.spec;
  const ips = clusterIPsOf(service);
  if (clusterIP === "") {
    return ips.length === 0
      ? []
      : [invalid(CLUSTER_IPS, ips, "must be empty when `clusterIP` is not specified")];
  }
  if (ips.length === 0) return [required(CLUSTER_IPS)];
  return ips[0] === clusterIP ? [] : [invalid(CLUSTER_IPS, ips, "first value must match `clusterIP`")];
}

function checkFamilies(service: Service, errors: FieldError[]): void {
  const families = ipFamiliesOf(service);
  families.forEach((family, index) => {
    const field = `spec.ipFamilies[${index}]`;
    if (!FAMILIES.includes(family)) errors.push(notSupported(field, family, FAMILIES));
    if (families.indexOf(family) < index) errors.push(duplicate(field, family));
  });
}

function checkPolicy(service: Service, errors: FieldError[]): void {
  const { ipFamilyPolicy } = service.spec;
  if (ipFamilyPolicy === undefined || POLICIES.includes(ipFamilyPolicy)) return;
  errors.push(notSupported("spec.ipFamilyPolicy", ipFamilyPolicy, POLICIES));
}

/** Adds the errors of single addresses; false when one of them is none or None stands among others. */
function checkEachAddress(service: Service, stored: Service | undefined, errors: FieldError[]): boolean {
  const ips = clusterIPsOf(service);
  const known = stored === undefined ? [] : clusterIPsOf(stored);
  const before = errors.length;
  ips.forEach((ip, index) => {
    if (index > 0 || ip !== HEADLESS) {
      errors.push(...checkLegacyAddress(`${CLUSTER_IPS}[${index}]`, ip, known));
    } else if (ips.length > 1) {
      errors.push(invalid(CLUSTER_IPS, ips, "'None' must be the first and only value"));
    }
  });
  return errors.length === before;
}

function checkOnePerFamily(ips: readonly string[], errors: FieldError[]): void {
  if (ips.length <= 1) return;
  const families = ips.map(familyAsGo);
  const unread = families.indexOf(undefined);
  if (unread >= 0) {
    // Reached only by a value that the stored object has, such as the None of a headless Service.
    const why = `invalid IP[${unread}]: ${ips[unread]}`;
    const message = `Internal error: failed to check for dual stack with error:${why}`;
    errors.push({ field: CLUSTER_IPS, reason: "InternalError", message });
  }
  if (unread >= 0 || new Set(families).size < 2) {
    errors.push(invalid(CLUSTER_IPS, ips, "may specify no more than one IP for each IP family"));
  }
}

function checkAgainstFamilies(service: Service, errors: FieldError[]): void {
  if (isHeadless(service)) return;
  const families = ipFamiliesOf(service);
  clusterIPsOf(service).forEach((ip, index) => {
    const isV6 = familyAsGo(ip) === "IPv6";
    const wanted = families[index];
    if ((wanted === "IPv4" && isV6) || (wanted === "IPv6" && !isV6)) {
      const detail = `expected an ${wanted} value as indicated by \`ipFamilies[${index}]\``;
      errors.push(invalid(`${CLUSTER_IPS}[${index}]`, ip, detail));
    }
  });
}
