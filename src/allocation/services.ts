import { type Family, otherFamily } from "../ip/family.ts";
import { familyAsGo } from "../objects/ip-text.ts";
import {
  clusterIPsOf,
  defaultService,
  dropTypeDependentFields,
  HEADLESS,
  ipFamiliesOf,
  isSelectorless,
  needsClusterIP,
  serviceStatusWarnings,
  serviceWarnings,
  validateService,
  validateServiceStatusUpdate,
  validateServiceUpdate,
} from "../objects/service/index.ts";
import type { Service } from "../objects/types.ts";
import { allocateAddresses, releaseAddresses, updateAddresses } from "./addresses.ts";
import { decideFamilies, rejectIf } from "./families.ts";
import type { Ledger, ServiceNetwork } from "./ledger.ts";
import { allocatePorts, releasePorts, updatePorts } from "./node-ports.ts";
import { carryOver, normaliseNew, normaliseUpdate } from "./normalise.ts";
import { Plan } from "./plan.ts";
import type { ServiceWrite, WriteOptions } from "./write-options.ts";

/**
 * Completes and checks a new Service, then takes its addresses and ports from the ledger. Order of work as in
 * the real registry, for it decides which error a client sees: families, addresses, ports; then all
 * validation together.
 * @param service decoded from the request, its name generated already; changed in place
 * @throws ApiError 422 or 500; the ledger is unchanged then
 */
export function createService(
  ledger: Ledger,
  network: ServiceNetwork,
  service: Service,
  options: WriteOptions = {},
): ServiceWrite {
  const plan = planOf(ledger, network, options);
  defaultService(service);
  normaliseNew(service);
  decideFamilies(network, service);
  allocateAddresses(plan, service);
  allocatePorts(plan, service);
  service.status = { loadBalancer: {} };
  rejectIf(service, [...(options.validateMetadata?.(service) ?? []), ...validateService(service)]);
  return finish(plan, service);
}

/**
 * Completes and checks a Service that is to replace a stored one, then takes and gives back what differs.
 * @param next decoded from the request, or the patched copy of the stored object; changed in place
 * @param stored the object as the store has it; left as it is
 * @throws ApiError 422 or 500; the ledger is unchanged then
 */
export function updateService(
  ledger: Ledger,
  network: ServiceNetwork,
  next: Service,
  stored: Service,
  options: WriteOptions = {},
): ServiceWrite {
  const plan = planOf(ledger, network, options);
  const old = readDefaults(network, stored);
  defaultService(next);
  carryOver(next, old);
  normaliseUpdate(next, old);
  decideFamilies(network, next, old);
  updateAddresses(plan, next, old);
  updatePorts(plan, next, old);
  next.status = old.status ?? { loadBalancer: {} };
  dropTypeDependentFields(next, old);
  rejectIf(next, [...(options.validateMetadata?.(next, old) ?? []), ...validateServiceUpdate(next, old)]);
  return finish(plan, next);
}

/**
 * Checks an update of `/status`: everything but metadata and status stays as stored. Nothing is allocated.
 */
export function updateServiceStatus(
  next: Service,
  stored: Service,
  options: WriteOptions = {},
): ServiceWrite {
  defaultService(next);
  next.spec = stored.spec;
  const errors = [
    ...(options.validateMetadata?.(next, stored) ?? []),
    ...validateServiceStatusUpdate(next, stored),
  ];
  rejectIf(next, errors);
  return { service: next, warnings: serviceStatusWarnings(next) };
}

/**
 * Gives back the addresses and ports of a Service that is truly gone. Deletes on dry run must not call it.
 */
export function deleteService(ledger: Ledger, network: ServiceNetwork, service: Service): void {
  const plan = planOf(ledger, network, {});
  const gone = readDefaults(network, service);
  releaseAddresses(plan, gone);
  releasePorts(plan, gone);
  plan.commit();
}

function planOf(ledger: Ledger, network: ServiceNetwork, options: WriteOptions): Plan {
  return new Plan(ledger, network, options.dryRun ?? false, options.random ?? Math.random);
}

function finish(plan: Plan, service: Service): ServiceWrite {
  plan.commit();
  const { spec } = service;
  // An ExternalName can keep a headless Service's `None`, and reads show the list to it.
  normaliseNew(service);
  if (!spec.clusterIP) delete spec.clusterIP;
  if (spec.clusterIPs?.length === 0) delete spec.clusterIPs;
  if (spec.ipFamilies?.length === 0) delete spec.ipFamilies;
  // Reads never show it for this type, so it need not be stored either.
  if (spec.type === "ExternalName") delete spec.internalTrafficPolicy;
  return { service, warnings: serviceWarnings(service) };
}

/**
 * A Service as clients see it: what was stored before clusterIPs and ipFamilies existed gets them filled in.
 * The same object when nothing is missing, else a changed copy (defaultOnReadService in storage.go).
 */
export function readDefaults(network: ServiceNetwork, service: Service): Service {
  const { spec } = service;
  const lacksList = Boolean(spec.clusterIP) && clusterIPsOf(service).length === 0;
  if (!needsClusterIP(service)) {
    if (spec.internalTrafficPolicy === undefined && !lacksList) return service;
    const { internalTrafficPolicy: _, ...rest } = spec;
    const copy: Service = { ...service, spec: rest };
    normaliseNew(copy);
    return copy;
  }
  if (!lacksList && ipFamiliesOf(service).length > 0) return service;
  const copy: Service = { ...service, spec: { ...spec } };
  if (lacksList) normaliseNew(copy);
  if (ipFamiliesOf(copy).length === 0) fillFamilies(network, copy);
  return copy;
}

function fillFamilies(network: ServiceNetwork, service: Service): void {
  const { spec } = service;
  const primary = network.families[0];
  if (spec.clusterIP === HEADLESS) {
    const both = isSelectorless(service);
    spec.ipFamilies = both ? [primary, otherFamily(primary)] : [primary];
  } else {
    spec.ipFamilies = clusterIPsOf(service).map(
      (ip): Family => (familyAsGo(ip) === "IPv6" ? "IPv6" : "IPv4"),
    );
  }
  if (spec.ipFamilies.length === 1) spec.ipFamilyPolicy = "SingleStack";
  if (spec.ipFamilies.length === 2) spec.ipFamilyPolicy = "RequireDualStack";
}
