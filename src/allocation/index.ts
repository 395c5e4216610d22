/**
 * Allocation: which families, addresses and ports a Service gets, exactly as kube-apiserver decides it
 * (pkg/registry/core/service/storage of Kubernetes 1.35). Everything here is pure but for the {@link Ledger}
 * handed in. For the API server:
 *
 * - POST:   `createService` inside the transaction, then write its `service`;
 * - PUT or PATCH: `updateService` with the stored object, then write its `service`;
 * - PUT or PATCH of `/status`: `updateServiceStatus`; it allocates nothing;
 * - when the object is truly gone (no finalizer left): `deleteService`;
 * - on every read (get, list, watch): `readDefaults`.
 *
 *     createService(ledger, network, service, options?): ServiceWrite        service: changed in place
 *     updateService(ledger, network, next, stored, options?): ServiceWrite   next: likewise; stored: as it was
 *     updateServiceStatus(next, stored, options?): ServiceWrite
 *     deleteService(ledger, network, service): void
 *     readDefaults(network, service): Service                                the same one if it is complete
 *
 * The write functions throw ApiError (422, or 500 for an exhausted range) before they touch the ledger.
 * Dry-run never touches it.
 */
export type { Ledger, PortRange, Random, ServiceNetwork } from "./ledger.ts";
export type { ServiceWrite, WriteOptions } from "./write-options.ts";
export {
  createService,
  deleteService,
  readDefaults,
  updateService,
  updateServiceStatus,
} from "./services.ts";
export { decideFamilies } from "./families.ts";
export { normaliseNew } from "./normalise.ts";
export { DEFAULT_NODE_PORTS } from "./node-ports.ts";
export { ipAddressOf } from "./addresses.ts";
export {
  type CidrEvent,
  type DefaultCidrOutcome,
  defaultServiceCidr,
  isAddressCovered,
  reconcileServiceCidr,
  SERVICE_CIDR_FINALIZER,
} from "./service-cidrs.ts";
export { type Repair, repairAddresses } from "./repair.ts";
export {
  DEFAULT_NODE_PREFIX,
  type NodeRangeOptions,
  NodeRanges,
  type NodeWithRanges,
} from "./node-ranges.ts";
