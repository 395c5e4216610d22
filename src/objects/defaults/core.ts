import type { Endpoints, EndpointSlice, Namespace, Node, Secret } from "../types.ts";

// Static defaults of the smaller kinds (pkg/apis/core/v1/defaults.go, pkg/apis/discovery/v1/defaults.go).

const NAME_LABEL = "kubernetes.io/metadata.name";

/** A Namespace is labelled with its name; it is active unless it says otherwise. */
export function defaultNamespace(namespace: Namespace): void {
  const { metadata } = namespace;
  if (metadata.name) metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name };
  namespace.status ??= {};
  namespace.status.phase ??= "Active";
}

/** Of podCIDR and podCIDRs the singular one wins where they disagree; what can be had is allocatable. */
export function defaultNode({ spec, status }: Node): void {
  const first = spec.podCIDRs?.[0];
  if (spec.podCIDR && first !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
  else if (first !== undefined) spec.podCIDR = first;
  if (status?.capacity !== undefined) status.allocatable ??= { ...status.capacity };
}

/** A Secret is opaque unless it says otherwise; what it has in plain text goes into its data. */
export function defaultSecret(secret: Secret): void {
  secret.type ||= "Opaque";
  const { stringData } = secret;
  if (stringData === undefined) return;
  delete secret.stringData;
  const data = { ...secret.data };
  for (const [key, text] of Object.entries(stringData))
    data[key] = Buffer.from(text, "utf8").toString("base64");
  secret.data = data;
}

/** Ports are TCP unless they say otherwise. */
export function defaultEndpoints({ subsets }: Endpoints): void {
  for (const subset of subsets ?? []) for (const port of subset.ports ?? []) port.protocol ??= "TCP";
}

/** Ports have a name, the empty one if no other, and are TCP unless they say otherwise. */
export function defaultEndpointSlice({ ports }: EndpointSlice): void {
  for (const port of ports ?? []) {
    port.name ??= "";
    port.protocol ??= "TCP";
  }
}
