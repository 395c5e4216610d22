/** Reads what `tandem status` tells, from the lab's init and from the API. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { KubeClient, loadKubeconfig } from "../../client/index.ts";
import { PROXY_CONTAINER, SIDECAR_LABEL } from "../../controllers/mesh/injection.ts";
import { UserError } from "../../errors/user-error.ts";
import { askFaults, askParts, type Fault, type PartState, readConfig, statePaths } from "../../lab/index.ts";
import { GATEWAY_KINDS, type Gateway } from "../../objects/gateway/index.ts";
import { type Kind, KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Node, Pod, Service } from "../../objects/types.ts";
import { packageVersion } from "../package-version.ts";
import { podReady } from "../pod-readiness.ts";
import { balancerLines, familiesOfNodes, gatewayLines, nodeLines, podLines } from "./lines.ts";
import type { ClusterStatus, Problem } from "./model.ts";
import { problemsOf } from "./problems.ts";

/** A cluster to look at: the lab's, or that of a kubeconfig. */
export interface Place {
  /** The lab's; undefined for other clusters. */
  readonly lab?: { readonly name: string; readonly stateDir: string };
  /** A file; undefined: what $KUBECONFIG says. */
  readonly kubeconfig?: string;
  /** What commands need to mean this cluster. */
  readonly flag: string;
}

const LIMIT_MS = 10_000;

/** Looks at everything at once. What does not answer is a problem, and hides nothing of the rest. */
export async function readStatus({ lab, kubeconfig, flag }: Place): Promise<ClusterStatus> {
  const config = await loadKubeconfig(kubeconfig);
  const [{ parts, faults, envoy, problems: labProblems }, api] = await Promise.all([
    readLab(lab?.stateDir),
    readApi(config, lab?.stateDir),
  ]);
  const { nodes, pods, gateways, services, version, problems: apiProblems } = api;
  const known = {
    running: true,
    ...(lab && { cluster: lab.name }),
    ...(kubeconfig !== undefined && { kubeconfig }),
    server: config.server,
    families: familiesOfNodes(nodes),
    versions: {
      tandem: packageVersion(),
      ...(version !== undefined && { kubernetes: version }),
      node: process.version,
      ...(envoy !== undefined && { envoy }),
    },
    parts,
    nodes: nodeLines(nodes, pods),
    pods: podLines(pods),
    gateways: gatewayLines(gateways),
    loadBalancers: balancerLines(services),
    sidecars: sidecarsOf(pods),
    faults,
  } as const;
  const problems = [...labProblems, ...apiProblems, ...problemsOf(known, pods, flag, Date.now())];
  return { ...known, ok: problems.length === 0, problems };
}

interface LabFacts {
  readonly parts: readonly PartState[];
  readonly faults: readonly Fault[];
  readonly envoy?: string;
  readonly problems: readonly Problem[];
}

async function readLab(stateDir: string | undefined): Promise<LabFacts> {
  if (stateDir === undefined) return { parts: [], faults: [], problems: [] };
  const envoy = await envoyVersion(stateDir);
  try {
    const parts = await askParts(stateDir);
    const faults = await askFaults(stateDir, { op: "list" });
    return { parts, faults, problems: [], ...(envoy !== undefined && { envoy }) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { where = stateDir, why = "", next = "" } = error.parts;
    return { parts: [], faults: [], problems: [{ where, why, next }] };
  }
}

/** `1.38.3`, of the Envoy that the cluster was brought up with. */
async function envoyVersion(stateDir: string): Promise<string | undefined> {
  try {
    const { envoy } = readConfig(statePaths(stateDir).config);
    if (envoy === undefined) return undefined;
    const { stdout } = await promisify(execFile)(envoy, ["--version"], { timeout: LIMIT_MS });
    return /\/(\d+\.\d+\.\d+[^/]*)\//.exec(stdout)?.[1];
  } catch {
    return undefined; // nothing depends on it
  }
}

interface ApiFacts {
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly gateways: readonly Gateway[];
  readonly services: readonly Service[];
  readonly version?: string;
  readonly problems: readonly Problem[];
}

type Config = Awaited<ReturnType<typeof loadKubeconfig>>;

async function readApi(config: Config, stateDir: string | undefined): Promise<ApiFacts> {
  const client = new KubeClient(config);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    client.close(); // what is under way fails with it
  }, LIMIT_MS);
  try {
    const all = async <T>(kind: Kind) => (await client.listAll<T>(kind)).items;
    const [{ body }, nodes, pods, services, gateways] = await Promise.all([
      client.request("GET", "/version"),
      all<Node>(KINDS.Node),
      all<Pod>(KINDS.Pod),
      all<Service>(KINDS.Service),
      all<Gateway>(GATEWAY_KINDS.Gateway).catch(noneWhereUnknown),
    ]);
    const { gitVersion: version } = body as { gitVersion?: string };
    return { nodes, pods, services, gateways, ...(version !== undefined && { version }), problems: [] };
  } catch (error) {
    const said = (error as Error).message;
    const silent = late ? `it has not answered for ${LIMIT_MS / 1000} s` : `it does not answer: ${said}`;
    const log = stateDir === undefined ? undefined : `${statePaths(stateDir).logs}/control-plane.log`;
    const problem = {
      where: `the API at ${config.server}`,
      why: error instanceof ApiError ? said : silent,
      next: log === undefined ? "check the kubeconfig, and that the cluster runs" : `see its log: ${log}`,
    };
    return { nodes: [], pods: [], services: [], gateways: [], problems: [problem] };
  } finally {
    clearTimeout(timer);
    client.close();
  }
}

/** A cluster without the Gateway API has none. */
function noneWhereUnknown(error: unknown): Gateway[] {
  if (error instanceof ApiError && (error.code === 404 || error.code === 403)) return [];
  throw error;
}

function sidecarsOf(pods: readonly Pod[]): { total: number; ready: number } {
  const containers = ({ spec }: Pod) => [...(spec.initContainers ?? []), ...spec.containers];
  const those = pods.filter(
    (pod) =>
      pod.metadata.labels?.[SIDECAR_LABEL] !== undefined &&
      containers(pod).some(({ name }) => name === PROXY_CONTAINER),
  );
  return { total: those.length, ready: those.filter(podReady).length };
}
