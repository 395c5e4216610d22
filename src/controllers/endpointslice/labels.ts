import type { EndpointSlice, Service } from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";

/** The Service that a slice belongs to. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
/** Who writes a slice. */
export const MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by";
/** Set on the slices of Services without an address of their own. */
export const HEADLESS_LABEL = "service.kubernetes.io/headless";
/** The name by which this controller marks its slices. */
export const CONTROLLER_NAME = "endpointslice-controller.k8s.io";

const RESERVED = new Set([SERVICE_NAME_LABEL, MANAGED_BY_LABEL, HEADLESS_LABEL]);

/** Whether the Service has an address of its own (IsServiceIPSet). */
export function hasClusterIP(service: Service): boolean {
  return Boolean(service.spec.clusterIP) && service.spec.clusterIP !== "None";
}

/** The labels of a Service's slices: its own ones, and those that say whose they are. */
export function sliceLabels(service: Service): Record<string, string> {
  return {
    ...withoutReserved(service.metadata.labels),
    ...(hasClusterIP(service) ? {} : { [HEADLESS_LABEL]: "" }),
    [SERVICE_NAME_LABEL]: service.metadata.name,
    [MANAGED_BY_LABEL]: CONTROLLER_NAME,
  };
}

/** Whether a slice's labels differ from its Service's, the reserved ones aside. */
export function labelsChanged(slice: EndpointSlice, service: Service): boolean {
  return !sameValue(withoutReserved(slice.metadata.labels), withoutReserved(service.metadata.labels));
}

function withoutReserved(labels: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !RESERVED.has(key)));
}
