/** Runs the matrix against a cluster: probe pods of every kind, one exec each. */
import { UserError } from "../../errors/user-error.ts";
import { type Family, FAMILIES, groupByFamily, type PerFamily } from "../../ip/family.ts";
import { familyOfText } from "../../ip/address.ts";
import { execToText, type KubeClient } from "../../client/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { EndpointSlice, Node, Pod, Service } from "../../objects/types.ts";
import {
  buildFrontend,
  enforcesFamilyReadiness,
  type FamilyReadiness,
  silentFamiliesOf,
  withFamilyReadiness,
} from "../../traffic/index.ts";
import { SIDECAR_CONTAINER } from "../../traffic/mesh/workloads.ts";
import type { ProbeRequest, ProbeResult } from "../probe/protocol.ts";
import { type ClientResults, judgeMatrix, requestsFor } from "./judge.ts";
import { type ClientKind, clientKindsOf, type Matrix } from "./model.ts";
import { type PlanInput, planMatrix } from "./plan.ts";
import { proxyPortsOf } from "./proxy-protocol.ts";

/** Where the probe pods live. */
const PROBE_NAMESPACE = "tandem-system";
const PROBE_IMAGE = "tandem.dev/probe";
const FAMILIES_ANNOTATION = "tandem.dev/ip-families";

/** What is probed, and how the cluster is set up. */
export interface MatrixOptions {
  /** Only Services of this namespace; all without it. */
  readonly namespace?: string;
  readonly clusterDomain?: string;
  /** Whether the data planes leave pods out for families they do not answer over, unless their Service says. */
  readonly familyReadiness?: FamilyReadiness;
  readonly signal?: AbortSignal;
}

/** Reads Services and endpoints, probes every one from pods of every kind, and judges. */
export async function runMatrix(client: KubeClient, options: MatrixOptions = {}): Promise<Matrix> {
  const input = await readPlanInput(client, options);
  const plans = planMatrix(input);
  const kinds = await ensureProbePods(client, clientKindsOf(input.families), options.signal);
  const results = await Promise.all(
    kinds.map(async (kind): Promise<[string, ClientResults]> => {
      return [kind.name, await probeFrom(client, kind, requestsFor(kind, plans), options.signal)];
    }),
  );
  return judgeMatrix(input.families, kinds, plans, new Map(results));
}

async function readPlanInput(client: KubeClient, options: MatrixOptions): Promise<PlanInput> {
  const scope = options.namespace === undefined ? {} : { namespace: options.namespace };
  const [services, slices, nodes, pods] = await Promise.all([
    client.list<Service>(KINDS.Service, scope),
    client.list<EndpointSlice>(KINDS.EndpointSlice, scope),
    client.list<Node>(KINDS.Node),
    client.list<Pod>(KINDS.Pod, scope),
  ]);
  const byService = Map.groupBy(slices.items, (slice) => {
    return `${slice.metadata.namespace}/${slice.metadata.labels?.["kubernetes.io/service-name"]}`;
  });
  const silent = new Map(pods.items.map((pod) => [objectKey(pod), silentFamiliesOf(pod)]));
  const silentOf = (pod: string) => silent.get(pod);
  const withSidecar = new Set(pods.items.filter(isInMesh).map(objectKey));
  const frontends = services.items.map((service) => {
    const frontend = buildFrontend(service, byService.get(objectKey(service)) ?? []);
    const enforced = enforcesFamilyReadiness(service, options.familyReadiness ?? "report");
    return enforced ? withFamilyReadiness(frontend, silentOf) : frontend;
  });
  const proxyPorts = new Map(services.items.map((service) => [objectKey(service), proxyPortsOf(service)]));
  const addresses = nodeAddresses(nodes.items);
  const named = new Map(
    nodes.items.flatMap((node) => internalAddresses(node).map((it) => [it, node.metadata.name])),
  );
  return {
    frontends: frontends.sort((a, b) => (a.key < b.key ? -1 : 1)),
    families: clusterFamilies(nodes.items, addresses),
    nodes: addresses,
    nodeOf: (address) => named.get(address),
    clusterDomain: options.clusterDomain ?? "cluster.local",
    silentOf,
    hasSidecar: (pod) => withSidecar.has(pod),
    proxyPortsOf: (service) => proxyPorts.get(service),
  };
}

function isInMesh({ spec }: Pod): boolean {
  return [...(spec.initContainers ?? []), ...spec.containers].some(({ name }) => name === SIDECAR_CONTAINER);
}

function nodeAddresses(nodes: readonly Node[]): PerFamily<string[]> {
  return groupByFamily(nodes.flatMap(internalAddresses), (text) => familyOfText(text) ?? "IPv4");
}

function internalAddresses(node: Node): string[] {
  const addresses = node.status?.addresses ?? [];
  return addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address);
}

/** The cluster's families in its order: as the first node lists its addresses. */
function clusterFamilies(nodes: readonly Node[], addresses: PerFamily<unknown>): Family[] {
  const order = (nodes[0] === undefined ? [] : internalAddresses(nodes[0])).map(familyOfText);
  const families = [...new Set([...order, ...FAMILIES.filter((family) => addresses[family] !== undefined)])];
  return families.filter((family): family is Family => family !== undefined);
}

function probePodName(kind: ClientKind): string {
  return `probe-${kind.name}`;
}

function probePod(kind: ClientKind): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: probePodName(kind),
      namespace: PROBE_NAMESPACE,
      labels: { "app.kubernetes.io/name": "tandem-probe", "tandem.dev/client": kind.name },
      annotations: { [FAMILIES_ANNOTATION]: kind.families.join(",") },
    },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: "probe", image: PROBE_IMAGE }] },
  };
}

/** Creates the probe pods where they are missing, without waiting for them. Call early to save time later. */
export async function createProbePods(client: KubeClient, families: readonly Family[]): Promise<void> {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: PROBE_NAMESPACE } };
  await orExists(client.create(KINDS.Namespace, namespace));
  await Promise.all(
    clientKindsOf(families).map((kind) => orExists(client.create(KINDS.Pod, probePod(kind)))),
  );
}

async function orExists(creation: Promise<unknown>): Promise<void> {
  await creation.catch((error: unknown) => {
    if (!(error instanceof ApiError && error.status.reason === "AlreadyExists")) throw error;
  });
}

/** Two minutes at least: a busy machine takes long to start pods. */
const READY_ATTEMPTS = 2400;
const READY_PAUSE_MS = 50;

/** Resolves with the kinds and where their pods run, once all are ready. */
async function ensureProbePods(
  client: KubeClient,
  kinds: readonly ClientKind[],
  signal?: AbortSignal,
): Promise<ClientKind[]> {
  await createProbePods(
    client,
    kinds.find((kind) => kind.families.length === 2)?.families ?? kinds[0]?.families ?? [],
  );
  let waiting: string[] = [];
  for (let attempt = 0; attempt < READY_ATTEMPTS; attempt++) {
    signal?.throwIfAborted();
    const pods = await client.list<Pod>(KINDS.Pod, { namespace: PROBE_NAMESPACE });
    const podOf = (kind: ClientKind) =>
      pods.items.find((pod) => pod.metadata.name === probePodName(kind) && isReady(pod));
    waiting = kinds.filter((kind) => podOf(kind) === undefined).map(probePodName);
    if (waiting.length === 0) return kinds.map((kind) => ({ ...kind, ...nodeOf(podOf(kind)) }));
    await new Promise((resolve) => setTimeout(resolve, READY_PAUSE_MS));
  }
  throw new UserError({
    what: "cannot probe the cluster",
    where: `pods ${waiting.join(", ")} in namespace ${PROBE_NAMESPACE}`,
    why: "the probe pods do not become ready",
    next: `kubectl -n ${PROBE_NAMESPACE} describe pods`,
  });
}

function nodeOf(pod: Pod | undefined): { node?: string } {
  return pod?.spec.nodeName === undefined ? {} : { node: pod.spec.nodeName };
}

function isReady(pod: Pod | undefined): boolean {
  return (
    pod?.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ??
    false
  );
}

async function probeFrom(
  client: KubeClient,
  kind: ClientKind,
  requests: readonly ProbeRequest[],
  signal?: AbortSignal,
): Promise<ClientResults> {
  const { code, out, err } = await execToText(client, {
    namespace: PROBE_NAMESPACE,
    pod: probePodName(kind),
    command: ["tandem-probe"],
    input: requests.map((request) => `${JSON.stringify(request)}\n`),
    ...(signal === undefined ? {} : { signal }),
  });
  if (code !== 0) throw new Error(`the probe in ${probePodName(kind)} ended with ${code}: ${err}`);
  const lines = out.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => JSON.parse(line) as ProbeResult).map((result) => [result.id, result]));
}
