import { parseAddress } from "../ip/address.ts";
import { cidrContains } from "../ip/cidr.ts";
import { networksOf } from "../objects/service-cidr.ts";
import type { Condition, IPAddress, ServiceCIDR } from "../objects/types.ts";
import { addressRangeOf, isUsableIn } from "./address-ranges.ts";
import { ADDRESS_LABEL_MANAGED_BY, ADDRESS_MANAGER } from "./addresses.ts";

/** The name of the ServiceCIDR that is made from --service-cluster-ip-range. */
const DEFAULT_SERVICE_CIDR = "kubernetes";
/** Keeps a ServiceCIDR for as long as addresses depend on it. */
export const SERVICE_CIDR_FINALIZER = "networking.k8s.io/service-cidr-finalizer";

const READY = "Ready";
const STILL_USED =
  "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";

/** A Warning event about an object, to be recorded by whoever called. */
export interface CidrEvent {
  readonly reason: string;
  readonly message: string;
}

/** What the default ServiceCIDR is to become: an object to write, unless it is right already. */
export interface DefaultCidrOutcome {
  readonly write?: ServiceCIDR;
  readonly event?: CidrEvent;
}

/**
 * The default ServiceCIDR as the flags want it. A missing one is made and marked ready; one of a single range
 * gains the flags' second range if the first is the same; any other difference is only reported
 * (pkg/controlplane/controller/defaultservicecidr).
 * @param cidrs the values of --service-cluster-ip-range in canonical form, in their order
 * @param now RFC 3339 time for conditions
 */
export function defaultServiceCidr(
  cidrs: readonly string[],
  now: string,
  existing?: ServiceCIDR,
): DefaultCidrOutcome {
  const ready = condition("True", "", "Kubernetes default Service CIDR is ready", now);
  if (existing === undefined) return { write: newServiceCidr(cidrs, ready) };
  const present = existing.spec.cidrs;
  if (cidrs.length === 2 && present.length === 1 && present[0] === cidrs[0]) {
    return { write: { ...existing, spec: { ...existing.spec, cidrs: [...cidrs] } } };
  }
  if (existing.metadata.deletionTimestamp !== undefined) return {};
  if (JSON.stringify(present) !== JSON.stringify(cidrs)) {
    const what = `The default ServiceCIDR [${present.join(" ")}]`;
    const message = `${what} does not match the controller flag configurations`;
    const reason = "KubernetesDefaultServiceCIDRInconsistent";
    return { event: { reason, message: `${message} [${cidrs.join(" ")}]` } };
  }
  return readyCondition(existing) === undefined ? { write: withCondition(existing, ready) } : {};
}

function newServiceCidr(cidrs: readonly string[], ready: Condition): ServiceCIDR {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "ServiceCIDR",
    metadata: { name: DEFAULT_SERVICE_CIDR, finalizers: [SERVICE_CIDR_FINALIZER] },
    spec: { cidrs: [...cidrs] },
    status: { conditions: [ready] },
  };
}

/**
 * What a ServiceCIDR is to become, or undefined when it is right: with finalizer and Ready while it lives;
 * not ready while it is being deleted and an address depends on it; without finalizer when none does
 * (pkg/controller/servicecidrs). Allocation reads ServiceCIDRs in its own transaction, so that no grace
 * period is needed between the deletion and the release.
 * @param all all ServiceCIDRs, this one included
 */
export function reconcileServiceCidr(
  object: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: Iterable<IPAddress>,
  now: string,
): ServiceCIDR | undefined {
  if (object.metadata.deletionTimestamp === undefined) return settle(object, now);
  if (isAnyStranded(object, all, addresses)) {
    return changedCondition(object, condition("False", "Terminating", STILL_USED, now));
  }
  return withFinalizer(object, false);
}

function settle(object: ServiceCIDR, now: string): ServiceCIDR | undefined {
  const held = withFinalizer(object, true);
  // The default one has been marked by the API server, in words of its own.
  if (readyCondition(object)?.status === "True") return held;
  const ready = condition("True", "", "Kubernetes Service CIDR is ready", now);
  return withCondition(held ?? object, ready);
}

function isAnyStranded(
  object: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: Iterable<IPAddress>,
): boolean {
  const others = all.filter(({ metadata }) => metadata.name !== object.metadata.name);
  for (const { metadata } of addresses) {
    if (metadata.labels?.[ADDRESS_LABEL_MANAGED_BY] !== ADDRESS_MANAGER) continue;
    if (isAddressCovered(metadata.name, [object]) && !isAddressCovered(metadata.name, others)) return true;
  }
  return false;
}

/** Whether one of these ServiceCIDRs can give out this address, ready or not. */
export function isAddressCovered(name: string, cidrs: readonly ServiceCIDR[]): boolean {
  const address = parseAddress(name);
  if (address === undefined) return false;
  return cidrs.some((object) =>
    networksOf(object).some((network) => {
      if (!cidrContains(network, address)) return false;
      const range = addressRangeOf(network);
      return range !== undefined && isUsableIn(range, address);
    }),
  );
}

function withFinalizer(object: ServiceCIDR, wanted: boolean): ServiceCIDR | undefined {
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(SERVICE_CIDR_FINALIZER) === wanted) return undefined;
  const others = finalizers.filter((finalizer) => finalizer !== SERVICE_CIDR_FINALIZER);
  const next = wanted ? [...others, SERVICE_CIDR_FINALIZER] : others;
  return { ...object, metadata: { ...object.metadata, finalizers: next } };
}

function readyCondition(object: ServiceCIDR): Condition | undefined {
  return object.status?.conditions?.find(({ type }) => type === READY);
}

function changedCondition(object: ServiceCIDR, next: Condition): ServiceCIDR | undefined {
  const present = readyCondition(object);
  const same = present?.status === next.status && present.reason === next.reason;
  return same ? undefined : withCondition(object, next);
}

function withCondition(object: ServiceCIDR, next: Condition): ServiceCIDR {
  const others = (object.status?.conditions ?? []).filter(({ type }) => type !== next.type);
  return { ...object, status: { ...object.status, conditions: [...others, next] } };
}

function condition(status: string, reason: string, message: string, now: string): Condition {
  return { type: READY, status, reason, message, lastTransitionTime: now };
}
