import { isIPv6 } from "node:net";
import type {
  Endpoint,
  EndpointPort,
  Endpoints,
  EndpointSlice,
  IPAddress,
  Service,
  ServiceCIDR,
} from "../types.ts";
import { ABOUT } from "./about.ts";
import {
  abridged,
  AGE,
  ageOf,
  column,
  formatLabels,
  type Layout,
  listed,
  NAME,
  NONE,
  wide,
} from "./table.ts";

/** Rows of Services; where some have two addresses, `-o wide` shows both of them. */
export const SERVICES: Layout<Service> = {
  columns: [
    NAME,
    column("Type", ABOUT.serviceType),
    column("Cluster-IP", ABOUT.clusterIP),
    column("External-IP", ABOUT.externalIPs),
    column("Port(s)", ABOUT.servicePorts),
    AGE,
    wide("Selector", ABOUT.serviceSelector),
  ],
  cells: (service, now) => [
    service.metadata.name,
    service.spec.type ?? "",
    service.spec.clusterIPs?.[0] ?? NONE,
    externalIP(service),
    servicePorts(service),
    ageOf(service, now),
    formatLabels(service.spec.selector),
  ],
  extra: {
    column: wide("Cluster-IPs", ABOUT.clusterIPs),
    wanted: ({ spec }) => (spec.clusterIPs ?? []).length > 1,
    cell: ({ spec }) => listed(spec.clusterIPs),
  },
};

function externalIP({ spec, status }: Service): string {
  const { externalIPs = [] } = spec;
  switch (spec.type) {
    case "ExternalName":
      return spec.externalName ?? "";
    case "LoadBalancer": {
      const ingress = (status?.loadBalancer?.ingress ?? []).map((one) => one.ip || one.hostname || "");
      const all = [...[...new Set(ingress)].sort(), ...externalIPs];
      return all.length === 0 ? "<pending>" : all.join(",");
    }
    default:
      return listed(externalIPs);
  }
}

function servicePorts({ spec }: Service): string {
  return listed(
    (spec.ports ?? []).map(({ port, nodePort, protocol }) =>
      nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
    ),
  );
}

/** Rows of Endpoints. */
export const ENDPOINTS: Layout<Endpoints> = {
  columns: [NAME, column("Endpoints", ABOUT.subsets), AGE],
  cells: (endpoints, now) => [
    endpoints.metadata.name,
    abridged(socketsOf(endpoints), NONE),
    ageOf(endpoints, now),
  ],
};

function socketsOf({ subsets = [] }: Endpoints): string[] {
  return subsets.flatMap(({ addresses = [], ports = [] }) => {
    if (ports.length === 0) return addresses.map((address) => address.ip);
    return ports.flatMap(({ port }) =>
      addresses.map(({ ip }) => (isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`)),
    );
  });
}

/** Rows of EndpointSlices. */
export const ENDPOINT_SLICES: Layout<EndpointSlice> = {
  columns: [
    NAME,
    column("AddressType", ABOUT.addressType),
    column("Ports", ABOUT.slicePorts),
    column("Endpoints", ABOUT.sliceEndpoints),
    AGE,
  ],
  cells: (slice, now) => [
    slice.metadata.name,
    slice.addressType,
    abridged((slice.ports ?? []).map(portText), "<unset>"),
    abridged((slice.endpoints ?? []).flatMap(addressesOf), "<unset>"),
    ageOf(slice, now),
  ],
};

function portText({ port, name }: EndpointPort): string {
  if (port !== undefined) return String(port);
  return name || "*";
}

function addressesOf(endpoint: Endpoint): readonly string[] {
  return endpoint.addresses ?? [];
}

/** Rows of ServiceCIDRs. */
export const SERVICE_CIDRS: Layout<ServiceCIDR> = {
  columns: [NAME, column("CIDRs", ABOUT.cidrs), AGE],
  cells: (object, now) => [object.metadata.name, (object.spec.cidrs ?? []).join(","), ageOf(object, now)],
};

/** Rows of IPAddresses. */
export const IP_ADDRESSES: Layout<IPAddress> = {
  columns: [NAME, column("ParentRef", ABOUT.parentRef)],
  cells: ({ metadata, spec }) => {
    const { group = "", resource = "", namespace = "", name = "" } = spec.parentRef ?? {};
    const resourceOfGroup = group === "" ? resource : `${resource}.${group}`;
    return [metadata.name, [resourceOfGroup, namespace, name].filter((part) => part !== "").join("/")];
  },
};
