import { defaultServiceCidr } from "../allocation/index.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { addressAt, type Cidr, formatCidr } from "../ip/cidr.ts";
import { defaultObject, fillSystemMetadata, formatTime } from "../objects/index.ts";
import { KINDS, type Kind } from "../objects/kinds.ts";
import type { AnyObject, EndpointSlice, ServiceCIDR } from "../objects/types.ts";
import type { Transaction } from "../store/contract.ts";
import { bootstrapRoles } from "./auth/rbac/bootstrap.ts";
import type { ApiContext } from "./context.ts";
import { decodeObject, encodeObject } from "./registry/encoding.ts";
import { keyOf } from "./registry/keys.ts";
import { SYSTEM_NAMESPACES } from "./registry/namespaces.ts";
import { createIn } from "./registry/write.ts";

/** What the cluster's own objects are made from. */
export interface BootstrapOptions {
  readonly ranges: readonly Cidr[];
  readonly advertiseAddresses: readonly string[];
  readonly advertisePort: number;
}

/**
 * Makes the objects that every cluster has, in one transaction: system namespaces, roles, the ServiceCIDR of the flags, and
 * the Service default/kubernetes with its endpoints. What is there already is kept or brought up to date.
 */
export async function bootstrap(context: ApiContext, options: BootstrapOptions): Promise<void> {
  await context.store.transact((tx) => {
    for (const name of SYSTEM_NAMESPACES)
      createMissing(context, tx, KINDS.Namespace, undefined, { metadata: { name } });
    bootstrapRoles(context, tx);
    writeServiceCidr(context, tx, options.ranges);
    createMissing(context, tx, KINDS.Service, "default", kubernetesService(options));
    writeEndpoints(context, tx, options);
  });
}

function createMissing(
  context: ApiContext,
  tx: Transaction<string>,
  kind: Kind,
  namespace: string | undefined,
  partial: Record<string, unknown> & { metadata: { name: string } },
): void {
  const { name } = partial.metadata;
  if (tx.get(keyOf(kind, namespace, name)) !== undefined) return;
  const metadata = { ...partial.metadata, ...(namespace === undefined ? {} : { namespace }) };
  const object: AnyObject = { apiVersion: kind.version, kind: kind.kind, ...partial, metadata };
  defaultObject(kind, object);
  createIn(context, tx, { kind, namespace, dryRun: false }, object);
}

function writeServiceCidr(context: ApiContext, tx: Transaction<string>, ranges: readonly Cidr[]): void {
  const kind = KINDS.ServiceCIDR;
  const key = keyOf(kind, undefined, "kubernetes");
  const entry = tx.get(key);
  const existing = entry && (JSON.parse(entry.value) as ServiceCIDR);
  const { write, event } = defaultServiceCidr(ranges.map(formatCidr), formatTime(context.now()), existing);
  if (event !== undefined) context.log(`${event.reason}: ${event.message}`);
  if (write === undefined) return;
  const object = write as unknown as AnyObject;
  if (existing === undefined) fillSystemMetadata(object, { now: context.now() });
  tx.put(key, encodeObject(kind, object, tx.revision));
}

/** Single-stack, of the cluster's primary family, at the first address of its range (KEP-2438 keeps it so). */
function kubernetesService({
  ranges,
  advertisePort,
}: BootstrapOptions): Record<string, unknown> & { metadata: { name: string } } {
  const clusterIP = formatAddress(addressAt(ranges[0]!, 1n));
  return {
    metadata: { name: "kubernetes", labels: { component: "apiserver", provider: "kubernetes" } } as {
      name: string;
    },
    spec: {
      type: "ClusterIP",
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: [ranges[0]!.family],
      ipFamilyPolicy: "SingleStack",
      ports: [{ name: "https", protocol: "TCP", port: 443, targetPort: advertisePort }],
      sessionAffinity: "None",
    },
  };
}

/** Endpoints and EndpointSlice of default/kubernetes: the advertised addresses of the primary family. */
function writeEndpoints(context: ApiContext, tx: Transaction<string>, options: BootstrapOptions): void {
  const family = options.ranges[0]!.family;
  const addresses = options.advertiseAddresses.filter((text) => parseAddress(text)?.family === family);
  const ports = [{ name: "https", port: options.advertisePort, protocol: "TCP" as const }];
  const mirrored = { "endpointslice.kubernetes.io/skip-mirror": "true" };
  const ready = addresses.length === 0 ? [] : [{ addresses: addresses.map((ip) => ({ ip })), ports }];
  put(context, tx, KINDS.Endpoints, { metadata: { labels: mirrored }, subsets: ready });
  const slice: Omit<EndpointSlice, "metadata" | "kind" | "apiVersion"> = {
    addressType: family,
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports,
  };
  put(context, tx, KINDS.EndpointSlice, {
    metadata: { labels: { "kubernetes.io/service-name": "kubernetes" } },
    ...slice,
  });
}

function put(
  context: ApiContext,
  tx: Transaction<string>,
  kind: Kind,
  wanted: Record<string, unknown>,
): void {
  const key = keyOf(kind, "default", "kubernetes");
  const entry = tx.get(key);
  const { metadata, ...rest } = wanted as { metadata: object };
  const stored = entry && decodeObject(entry.value);
  if (
    stored !== undefined &&
    Object.entries(rest).every(([name, value]) => sameJson(stored[name] ?? [], value))
  )
    return;
  const object: AnyObject = {
    apiVersion: "",
    kind: kind.kind,
    metadata: { name: "kubernetes", namespace: "default", ...(stored?.metadata ?? metadata) },
    ...rest,
  };
  if (stored === undefined) fillSystemMetadata(object, { now: context.now() });
  tx.put(key, encodeObject(kind, object, tx.revision));
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
