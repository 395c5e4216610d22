import { parseAddressAsGo } from "../../ip/address.ts";
import { type Cidr, cidrContains, parseCidr } from "../../ip/cidr.ts";
import { type FieldError, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { checkLegacyAddress, checkLegacyCidr } from "../ip-text.ts";
import type { Service } from "../types.ts";
import { asErrors, portNumberProblems, qualifiedNameProblems } from "./formats.ts";
import { externalIPsOf, isExternallyAccessible, needsHealthCheckPort } from "./predicates.ts";

const POLICIES: readonly string[] = ["Cluster", "Local"];
const SOURCE_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'";

function cidrs(...texts: string[]): Cidr[] {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

/** Ranges that no outside address can be in, as Go's net.IP classifies them, with the text of the error. */
const SPECIAL: readonly { readonly ranges: readonly Cidr[]; readonly detail: string }[] = [
  {
    ranges: cidrs("127.0.0.0/8", "::1/128"),
    detail: "may not be in the loopback range (127.0.0.0/8, ::1/128)",
  },
  {
    ranges: cidrs("169.254.0.0/16", "fe80::/10"),
    detail: "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
  },
  {
    ranges: cidrs("224.0.0.0/24", ...Array.from({ length: 16 }, (_, n) => `ff${n.toString(16)}2::/16`)),
    detail: "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
  },
];

/**
 * What bars an address from being reached from outside: unspecified, loopback, link-local
 * (ValidateNonSpecialIP).
 */
export function specialAddressErrors(field: string, text: string): FieldError[] {
  const address = parseAddressAsGo(text);
  if (address === undefined) return [invalid(field, text, "must be a valid IP address")];
  const errors = address.value === 0n ? [invalid(field, text, `may not be unspecified (${text})`)] : [];
  for (const { ranges, detail } of SPECIAL) {
    if (ranges.some((range) => cidrContains(range, address))) errors.push(invalid(field, text, detail));
  }
  return errors;
}

/** Checks `spec.externalIPs`; values of the stored object are taken as they are. */
export function validateExternalIPs(service: Service, stored?: Service): FieldError[] {
  const known = stored === undefined ? [] : externalIPsOf(stored);
  return externalIPsOf(service).flatMap((ip, index) => {
    const field = `spec.externalIPs[${index}]`;
    const errors = checkLegacyAddress(field, ip, known);
    return errors.length > 0 ? errors : specialAddressErrors(field, ip);
  });
}

/** Checks source ranges, node-port allocation and class, which only load balancers may have. */
export function validateLoadBalancerFields(service: Service, stored?: Service): FieldError[] {
  const { spec } = service;
  const errors = checkSourceRanges(service, stored);
  const allocate = spec.allocateLoadBalancerNodePorts;
  if (spec.type === "LoadBalancer") {
    // The path without `spec` is the real server's.
    if (allocate === undefined) errors.push(required("allocateLoadBalancerNodePorts"));
  } else if (allocate !== undefined) {
    errors.push(forbidden("spec.allocateLoadBalancerNodePorts", ONLY_LOAD_BALANCER));
  }
  return [...errors, ...validateLoadBalancerClass(service)];
}

/** Checks `spec.loadBalancerClass`: a qualified name, and of a load balancer only. */
export function validateLoadBalancerClass({ spec }: Service): FieldError[] {
  const { type, loadBalancerClass } = spec;
  const field = "spec.loadBalancerClass";
  if (loadBalancerClass === undefined) return [];
  if (type !== "LoadBalancer") return [forbidden(field, ONLY_LOAD_BALANCER)];
  return asErrors(field, loadBalancerClass, qualifiedNameProblems(loadBalancerClass));
}

function checkSourceRanges(service: Service, stored?: Service): FieldError[] {
  const { spec } = service;
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length === 0) return checkSourceRangesAnnotation(service, stored);
  // The capital L is the real server's.
  const field = "spec.LoadBalancerSourceRanges";
  const errors = spec.type === "LoadBalancer" ? [] : [forbidden(field, ONLY_LOAD_BALANCER)];
  const known = stored?.spec.loadBalancerSourceRanges ?? [];
  ranges.forEach((range, index) => {
    errors.push(...checkLegacyCidr(`${field}[${index}]`, range.trim(), known));
  });
  return errors;
}

function checkSourceRangesAnnotation(service: Service, stored?: Service): FieldError[] {
  const text = service.metadata.annotations?.[SOURCE_RANGES_ANNOTATION];
  if (text === undefined) return [];
  const field = `metadata.annotations[${SOURCE_RANGES_ANNOTATION}]`;
  const errors = service.spec.type === "LoadBalancer" ? [] : [forbidden(field, ONLY_LOAD_BALANCER)];
  const unchanged = stored?.metadata.annotations?.[SOURCE_RANGES_ANNOTATION] === text;
  if (unchanged || text.trim() === "") return errors;
  return [...errors, ...text.split(",").flatMap((range) => checkLegacyCidr(field, range.trim()))];
}

/** Checks externalTrafficPolicy and healthCheckNodePort against the type. */
export function validateExternalTraffic(service: Service): FieldError[] {
  const errors: FieldError[] = [];
  const policy: string = service.spec.externalTrafficPolicy ?? "";
  const field = "spec.externalTrafficPolicy";
  if (!isExternallyAccessible(service)) {
    if (policy !== "")
      errors.push(invalid(field, policy, "may only be set for externally-accessible services"));
  } else if (policy === "") errors.push(required(field));
  else if (!POLICIES.includes(policy)) errors.push(notSupported(field, policy, POLICIES));
  return [...errors, ...checkHealthCheckPort(service)];
}

function checkHealthCheckPort(service: Service): FieldError[] {
  const port = service.spec.healthCheckNodePort ?? 0;
  const field = "spec.healthCheckNodePort";
  if (!needsHealthCheckPort(service)) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    return port === 0 ? [] : [invalid(field, port, detail)];
  }
  return port === 0 ? [required(field)] : asErrors(field, port, portNumberProblems(port));
}

/** Checks internalTrafficPolicy, which every type with a cluster IP must have. */
export function validateInternalTraffic({ spec }: Service): FieldError[] {
  const policy: string | undefined = spec.internalTrafficPolicy;
  const field = "spec.internalTrafficPolicy";
  if (policy !== undefined) return POLICIES.includes(policy) ? [] : [notSupported(field, policy, POLICIES)];
  const needed = spec.type === "ClusterIP" || spec.type === "NodePort" || spec.type === "LoadBalancer";
  return needed ? [required(field)] : [];
}
