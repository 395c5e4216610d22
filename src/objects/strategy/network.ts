import { ipAddressNameProblems, validateIPAddress, validateIPAddressUpdate } from "../ip-address.ts";
import { serviceName } from "../metadata/names.ts";
import {
  defaultService,
  dropTypeDependentFields,
  serviceWarnings,
  validateService,
  validateServiceStatusUpdate,
  validateServiceUpdate,
} from "../service/index.ts";
import { validateServiceCidr, validateServiceCidrUpdate } from "../service-cidr.ts";
import type { IPAddress, Service, ServiceCIDR } from "../types.ts";
import { COMMON } from "./core.ts";
import type { KindRules } from "./rules.ts";

/** pkg/registry/core/service/strategy.go; families, addresses and ports are the allocation room's. */
export const SERVICE: KindRules<Service> = {
  ...COMMON,
  createOnUpdate: true,
  nameRule: serviceName,
  checksMetadataOnUpdate: true,
  default: defaultService,
  prepareForCreate(service) {
    service.status = { loadBalancer: {} };
  },
  prepareForUpdate(next, stored) {
    next.status = stored.status ?? { loadBalancer: {} };
    dropTypeDependentFields(next, stored);
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
  },
  validate: (service) => validateService(service),
  validateUpdate: validateServiceUpdate,
  validateStatus: validateServiceStatusUpdate,
  warnings: serviceWarnings,
};

/** pkg/registry/networking/servicecidr/strategy.go */
export const SERVICE_CIDR: KindRules<ServiceCIDR> = {
  ...COMMON,
  prepareForCreate(object) {
    object.status = {};
  },
  prepareForUpdate(next, stored) {
    next.status = stored.status ?? {};
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
  },
  validate: validateServiceCidr,
  validateUpdate: validateServiceCidrUpdate,
};

/** pkg/registry/networking/ipaddress/strategy.go; such an object is named by its address. */
export const IP_ADDRESS: KindRules<IPAddress> = {
  ...COMMON,
  nameRule: (name) => ipAddressNameProblems(name),
  validate: validateIPAddress,
  validateUpdate: validateIPAddressUpdate,
};
