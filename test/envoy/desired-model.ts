/** Models of proxies and frontends written in YAML, for golden pairs and tests of what proxies should have. */
import { parse } from "yaml";
import type { MeshPeers, ProxyCapabilities } from "../../src/envoy/desired/index.ts";
import { createEnvoyOutput } from "../../src/envoy/desired/index.ts";
import type { WorkloadIdentity } from "../../src/envoy/mesh/index.ts";
import { decode } from "../../src/envoy/proto/index.ts";
import { type Resource, TYPE_URLS } from "../../src/envoy/resources.ts";
import type { Family, PerFamily } from "../../src/ip/family.ts";
import { mapFamilies } from "../../src/ip/family.ts";
import type {
  Certificate,
  Destination,
  ProxyListener,
  ProxyModel,
  RouteTable,
  TrustBundle,
} from "../../src/traffic/gateway/model.ts";
import type { TokenPolicy } from "../../src/traffic/gateway/policy-model.ts";
import type { Backend, BackendConditions, Frontend } from "../../src/traffic/model.ts";

/** A frontend in short: one port, which all backends serve on one port of theirs. */
export interface ShortFrontend {
  readonly key: string;
  readonly families: readonly Family[];
  readonly port: number;
  readonly backendPort: number;
  readonly protocol?: "TCP" | "UDP";
  readonly backends: readonly {
    readonly addresses: PerFamily<string>;
    /** `namespace/name`. */
    readonly pod?: string;
    readonly zone?: string;
    /** Families over which it is not ready. */
    readonly unready?: readonly Family[];
    readonly terminating?: boolean;
  }[];
}

interface Document {
  readonly capabilities: ProxyCapabilities;
  readonly proxy: {
    readonly families: readonly Family[];
    readonly listeners: readonly ProxyListener[];
    readonly routeTables?: readonly RouteTable[];
    readonly destinations?: readonly Destination[];
    readonly certificates?: readonly Certificate[];
    readonly trust?: readonly TrustBundle[];
    readonly tokens?: Readonly<Record<string, TokenPolicy>>;
  };
  readonly frontends?: readonly ShortFrontend[];
  readonly mesh?: ShortMesh;
}

/** What proxies know of a mesh, in short. */
export interface ShortMesh {
  /** What the proxy itself shows (PEM texts); absent: nothing. */
  readonly own?: WorkloadIdentity;
  /** Identities of pods (`namespace/name`) that take mutual TLS, at all ports. */
  readonly peers: Readonly<Record<string, string>>;
}

/** The same, written out. */
export function meshOf({ own, peers }: ShortMesh): MeshPeers {
  return { identityAt: (pod) => peers[pod], identityOf: () => own };
}

/** What a document says. Parts may leave out `origins` and the like. */
export interface Input {
  readonly capabilities: ProxyCapabilities;
  readonly proxy: ProxyModel;
  readonly frontends: ReadonlyMap<string, Frontend>;
  readonly mesh?: ShortMesh;
}

/** Reads a document; `origins` that are missing are none. */
export function readInput(text: string): Input {
  const { capabilities, proxy, frontends = [], mesh } = parse(text) as Document;
  const named = <T extends object>(items: readonly T[] | undefined, key: (item: T) => string) =>
    new Map((items ?? []).map((item) => [key(item), { origins: [], ...item }]));
  return {
    capabilities,
    ...(mesh && { mesh }),
    frontends: new Map(frontends.map((one) => [one.key, frontendOf(one)])),
    proxy: {
      key: "infra/web",
      families: proxy.families,
      listeners: proxy.listeners.map((listener) => ({
        ...listener,
        origins: listener.origins ?? [],
        chains: listener.chains.map((chain) => ({
          ...chain,
          serverNames: chain.serverNames ?? [],
          origins: chain.origins ?? [],
        })),
      })),
      routeTables: new Map((proxy.routeTables ?? []).map((table) => [table.name, tableOf(table)])),
      destinations: named(proxy.destinations, (one) => one.key),
      certificates: named(proxy.certificates, (one) => one.name),
      trust: named(proxy.trust, (one) => one.name),
      ...(proxy.tokens && { tokens: new Map(Object.entries(proxy.tokens)) }),
    },
  };
}

function tableOf(table: RouteTable): RouteTable {
  return {
    ...table,
    hosts: table.hosts.map((host) => ({
      ...host,
      rules: host.rules.map((rule) => ({
        ...rule,
        match: rule.match ?? {},
        origin: rule.origin ?? { kind: "HTTPRoute", key: `shop/${rule.name}` },
        action:
          rule.action.kind === "forward" ? { ...rule.action, http: http(rule.action.http) } : rule.action,
      })),
    })),
  };
}

type Http = Extract<RouteTable["hosts"][0]["rules"][0]["action"], { kind: "forward" }>["http"];

function http(given: Partial<Http> | undefined): Http {
  return { mirrors: [], ...given };
}

/** A frontend, written out. */
export function frontendOf(short: ShortFrontend): Frontend {
  const [namespace = "", name = ""] = short.key.split("/");
  const backends = short.backends.map(
    ({ addresses, pod, zone, unready = [], terminating = false }, index): Backend => ({
      id: `${name}-${index}`,
      addresses,
      ...(pod !== undefined && { pod: podOf(pod) }),
      ...(zone !== undefined && { zone }),
      conditions: mapFamilies(addresses, (_, family): BackendConditions => {
        const serving = !unready.includes(family);
        return { ready: serving && !terminating, serving, terminating };
      }),
    }),
  );
  return {
    key: short.key,
    namespace,
    name,
    kind: "virtual",
    families: short.families,
    addresses: {},
    externalAddresses: {},
    balancerAddresses: {},
    ports: [
      {
        name: "",
        protocol: short.protocol ?? "TCP",
        port: short.port,
        backends: backends.map((backend) => ({ backend, port: short.backendPort })),
      },
    ],
    backends,
    internalPolicy: "Cluster",
    externalPolicy: "Cluster",
    sourceRanges: {},
  };
}

function podOf(key: string): { namespace: string; name: string } {
  const [namespace = "", name = ""] = key.split("/");
  return { namespace, name };
}

/** All resources of a document. */
export function resourcesOf({ capabilities, proxy, frontends, mesh }: Input): Resource[] {
  const output = createEnvoyOutput(capabilities, mesh && meshOf(mesh));
  output.update(proxy, (key) => frontends.get(key));
  return output.resources(proxy.key);
}

/** A resource as people read it. */
export function readable({
  kind,
  name,
  bytes,
  needsClusters,
  needsRoutes,
  parts,
  needsParts,
  origins,
}: Resource): object {
  return {
    kind,
    name,
    ...(needsClusters?.length && { needsClusters }),
    ...(needsRoutes?.length && { needsRoutes }),
    ...(parts?.length && { parts }),
    ...(needsParts?.length && { needsParts }),
    ...(origins?.length && { origins }),
    resource: decode(TYPE_URLS[kind], bytes),
  };
}
