/** From frontends to what must be tried: pure. */
import { familyOfText, joinHostPort } from "../../ip/address.ts";
import { type Family, otherFamily, type PerFamily } from "../../ip/family.ts";
import type { SilentFamilies } from "../../traffic/index.ts";
import type { Backend, Frontend, FrontendPort } from "../../traffic/model.ts";
import type { ProbeRequest } from "../probe/protocol.ts";
import { type ClientKind, PATHS, type Path } from "./model.ts";
import type { ProxyPorts } from "./proxy-protocol.ts";

/** What is planned for one cell: requests to try, or why there are none, or why it fails without trying. */
export type CellPlan =
  | { readonly kind: "try"; readonly requests: readonly PlannedRequest[] }
  | { readonly kind: "none"; readonly reason: string }
  | { readonly kind: "fails"; readonly reason: string; readonly hint?: string };

/** A request without its identity; `target` is how reports name it. */
export interface PlannedRequest {
  readonly probe: ProbeRequest extends infer R ? (R extends { id: string } ? Omit<R, "id"> : never) : never;
  readonly target: string;
  /** What is known of the backends behind the target, should it fail. */
  readonly hint?: string;
  /** A connection says nothing: sidecars accept it, and what is behind them is known not to answer. */
  readonly hollow?: true;
  /** Only clients on these nodes are to be answered; undefined: all. */
  readonly nodes?: ReadonlySet<string>;
}

/** What is to be probed of one Service. */
export interface RowPlan {
  readonly frontend: Frontend;
  readonly cells: Readonly<Record<Path, PerFamily<CellPlan>>>;
}

/** What rows are planned from. */
export interface PlanInput {
  readonly frontends: readonly Frontend[];
  /** The cluster's families, in its order. */
  readonly families: readonly Family[];
  /** Addresses of every node, per family. */
  readonly nodes: PerFamily<readonly string[]>;
  /** The node that has this address; without it every node is taken for one with endpoints of its own. */
  readonly nodeOf?: (address: string) => string | undefined;
  readonly clusterDomain: string;
  /** What the load balancer of a Service, `namespace/name`, sends to its pods. */
  readonly proxyPortsOf?: (service: string) => ProxyPorts | undefined;
  /** Families that a pod, `namespace/name`, is known not to answer over. */
  readonly silentOf?: (pod: string) => SilentFamilies | undefined;
  /** Whether a pod, `namespace/name`, has a sidecar: it accepts connections over both families, whatever is behind it. */
  readonly hasSidecar?: (pod: string) => boolean;
}

/** Plans every row; what each kind of client can try follows from its families, see {@link mayTry}. */
export function planMatrix(input: PlanInput): RowPlan[] {
  return input.frontends.map((frontend) => ({ frontend, cells: planRow(frontend, input) }));
}

function planRow(frontend: Frontend, input: PlanInput): Record<Path, PerFamily<CellPlan>> {
  const cells: Record<Path, { IPv4?: CellPlan; IPv6?: CellPlan }> = {
    DNS: {},
    ClusterIP: {},
    NodePort: {},
    Pod: {},
  };
  for (const path of PATHS) {
    for (const family of input.families) cells[path][family] = planCell(path, frontend, family, input);
  }
  return cells;
}

function planCell(path: Path, frontend: Frontend, family: Family, input: PlanInput): CellPlan {
  switch (path) {
    case "DNS":
      return planDns(frontend, family, input.clusterDomain);
    case "ClusterIP":
      return planClusterIP(frontend, family, input);
    case "NodePort":
      return planNodePort(frontend, family, input);
    case "Pod":
      return planPod(frontend, family, input);
  }
}

/** Whether a kind of client can try a cell: it asks DNS for both families, and connects over those it has. */
export function mayTry(client: ClientKind, path: Path, family: Family): boolean {
  return path === "DNS" || client.families.includes(family);
}

/** Whether a client can expect an answer: under internalTrafficPolicy Local, only where its node has an endpoint. */
export function mayExpect({ node }: ClientKind, { nodes }: PlannedRequest): boolean {
  return nodes === undefined || node === undefined || nodes.has(node);
}

function planDns(frontend: Frontend, family: Family, domain: string): CellPlan {
  const name = `${frontend.name}.${frontend.namespace}.svc.${domain}`;
  const type = family === "IPv4" ? "A" : "AAAA";
  if (frontend.kind === "alias") {
    const expected = [(frontend.target ?? "").replace(/\.$/, "")];
    const probe = { kind: "dns", name, type: "CNAME", expected } as const;
    const [target = ""] = expected;
    const hint = familyOfText(target) === undefined ? {} : { hint: addressAsName(target) };
    return attempt([{ probe, target: `${name} CNAME`, ...hint }]);
  }
  const expected = namesAddresses(frontend, family);
  const absent = frontend.kind === "headless" && noneReady(frontend);
  return attempt([{ probe: { kind: "dns", name, type, expected, absent }, target: `${name} ${type}` }]);
}

function addressAsName(address: string): string {
  const instead = "use a Service without a selector, and an EndpointSlice with the address";
  return `externalName ${address} is an address, and a CNAME leads to a name; ${instead}`;
}

function namesAddresses(frontend: Frontend, family: Family): string[] {
  if (frontend.kind === "headless") return readyAddresses(frontend.backends, family);
  const address = frontend.addresses[family];
  return address === undefined ? [] : [address];
}

function noneReady(frontend: Frontend): boolean {
  return frontend.families.every((family) => readyAddresses(frontend.backends, family).length === 0);
}

function readyAddresses(backends: readonly Backend[], family: Family): string[] {
  const ready = backends.filter((backend) => backend.conditions[family]?.ready === true);
  return [...new Set(ready.map((backend) => backend.addresses[family] ?? ""))];
}

function planClusterIP(frontend: Frontend, family: Family, input: PlanInput): CellPlan {
  const address = frontend.addresses[family];
  if (frontend.kind !== "virtual")
    return none(`${frontend.kind === "alias" ? "ExternalName" : "headless"} Services have no cluster IP`);
  if (address === undefined) return none(`the Service has no ${family} address`);
  const plan = connectEach(frontend, family, [address], (port) => port.port, input);
  if (plan.kind !== "try" || frontend.internalPolicy !== "Local") return plan;
  const nodes = readyNodes(frontend, family);
  return attempt(plan.requests.map((request) => ({ ...request, nodes })));
}

/** The nodes with a ready endpoint of their own. */
function readyNodes({ backends }: Frontend, family: Family): ReadonlySet<string> {
  const ready = backends.filter((backend) => backend.conditions[family]?.ready === true);
  return new Set(ready.map(({ node }) => node).filter((node) => node !== undefined));
}

function planNodePort(frontend: Frontend, family: Family, input: PlanInput): CellPlan {
  const nodes = input.nodes[family] ?? [];
  if (!frontend.ports.some((port) => port.nodePort !== undefined))
    return none("the Service has no node ports");
  if (!frontend.families.includes(family)) return none(`the Service has no ${family} address`);
  if (nodes.length === 0) return { kind: "fails", reason: `no node has ${family}` };
  const answering =
    frontend.externalPolicy === "Local" ? withEndpoints(nodes, frontend, family, input) : nodes;
  return connectEach(frontend, family, answering, (port) => port.nodePort, input);
}

/** Under externalTrafficPolicy Local a node without an endpoint of its own stays silent, as it should. */
function withEndpoints(
  nodes: readonly string[],
  frontend: Frontend,
  family: Family,
  { nodeOf }: PlanInput,
): readonly string[] {
  if (nodeOf === undefined) return nodes;
  const hosts = readyNodes(frontend, family);
  return nodes.filter((address) => hosts.has(nodeOf(address) ?? ""));
}

function planPod(frontend: Frontend, family: Family, input: PlanInput): CellPlan {
  if (frontend.kind === "alias") return none("an ExternalName has no pods");
  if (!frontend.families.includes(family)) return none(`the Service does not use ${family}`);
  const ports = frontend.ports.filter(isProbed);
  if (ports.length === 0 && frontend.ports.length > 0) return none("no TCP or UDP ports");
  // a headless Service may have none: its names are all that there is to it
  if (ports.length === 0 && readyAddresses(frontend.backends, family).length > 0) return none("no ports");
  const requests = ports.flatMap((port) =>
    port.backends
      .filter(({ backend }) => backend.conditions[family]?.ready || isHalfDeaf(backend, family, input))
      .map(({ backend, port: number }) => ({
        ...withProxyHeader(
          connection(port, family, backend.addresses[family] ?? "", number),
          input.proxyPortsOf?.(frontend.key),
          port.port,
        ),
        ...hintOf([backend], family, input),
        ...hollowness(port, [backend], family, input),
      })),
  );
  return requests.length === 0 ? { kind: "fails", reason: "no ready endpoints" } : attempt(requests);
}

function connectEach(
  frontend: Frontend,
  family: Family,
  addresses: readonly string[],
  portOf: (port: FrontendPort) => number | undefined,
  input: PlanInput,
): CellPlan {
  const ports = frontend.ports.filter((port) => isProbed(port) && portOf(port) !== undefined);
  if (ports.length === 0) return none("no TCP or UDP ports");
  const idle = ports.find((port) => !port.backends.some(({ backend }) => backend.conditions[family]?.ready));
  const backends = ports.flatMap((port) => port.backends.map(({ backend }) => backend));
  const hint = hintOf(backends, family, input);
  if (idle !== undefined) return { kind: "fails", reason: "no ready endpoints", ...hint };
  const requests = addresses.flatMap((address) =>
    ports.map((port) => ({
      ...connection(port, family, address, portOf(port) ?? 0),
      ...hint,
      ...hollowness(
        port,
        port.backends.map(({ backend }) => backend).filter(({ conditions }) => conditions[family]?.ready),
        family,
        input,
      ),
    })),
  );
  return attempt(requests);
}

/** Node has no SCTP sockets to try such a port with. */
function isProbed({ protocol }: FrontendPort): boolean {
  return protocol !== "SCTP";
}

/** Answers over the other family only; where that is enforced it takes no traffic, and shows here all the same. */
function isHalfDeaf({ addresses, pod }: Backend, family: Family, { silentOf }: PlanInput): boolean {
  const silent = pod && silentOf?.(`${pod.namespace}/${pod.name}`);
  const other = otherFamily(family);
  return (
    addresses[family] !== undefined &&
    silent?.[family] !== undefined &&
    addresses[other] !== undefined &&
    silent[other] === undefined
  );
}

/** Of backends that all have a sidecar, and all are silent behind it. UDP goes past sidecars. */
function hollowness(
  { protocol }: FrontendPort,
  backends: readonly Backend[],
  family: Family,
  { silentOf, hasSidecar }: PlanInput,
): { hollow?: true } {
  const isHollow = ({ pod }: Backend): boolean => {
    const key = pod && `${pod.namespace}/${pod.name}`;
    return key !== undefined && hasSidecar?.(key) === true && silentOf?.(key)?.[family] !== undefined;
  };
  return protocol === "TCP" && backends.length > 0 && backends.every(isHollow) ? { hollow: true } : {};
}

function hintOf(backends: readonly Backend[], family: Family, { silentOf }: PlanInput): { hint?: string } {
  for (const { pod } of backends) {
    const message = pod && silentOf?.(`${pod.namespace}/${pod.name}`)?.[family]?.message;
    if (message) return { hint: `pod ${pod.namespace}/${pod.name} ${message}` };
  }
  return {};
}

function connection(port: FrontendPort, family: Family, address: string, number: number): PlannedRequest {
  const kind = port.protocol === "UDP" ? "udp" : "tcp";
  return {
    probe: { kind, family, address, port: number },
    target: `${joinHostPort(address, number)}/${port.protocol}`,
  };
}

/** A pod behind a load balancer of ours must expect what that sends. */
function withProxyHeader(
  request: PlannedRequest,
  ports: ProxyPorts | undefined,
  port: number,
): PlannedRequest {
  if (ports === undefined || !ports.has(port) || request.probe.kind !== "tcp") return request;
  return { ...request, probe: { ...request.probe, proxyHeader: ports.get(port) ?? 0 } };
}

function attempt(requests: readonly PlannedRequest[]): CellPlan {
  return { kind: "try", requests };
}

function none(reason: string): CellPlan {
  return { kind: "none", reason };
}
