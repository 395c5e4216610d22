import { renameSync, writeFileSync } from "node:fs";
import { startApiServer } from "../../apiserver/index.ts";
import { KubeClient } from "../../client/index.ts";
import { startControllers } from "../../controllers/index.ts";
import { ensureMeshAuthority, registerInjection } from "../../controllers/mesh/registration.ts";
import { createUpstream, startDnsServer } from "../../dns/index.ts";
import { parseCidr } from "../../ip/cidr.ts";
import { groupByFamily, mapFamilies } from "../../ip/family.ts";
import { type LabConfig, readConfig, statePaths } from "../../lab/config.ts";
import { runCloud } from "../../lab/cloud/index.ts";
import { outsideAddresses } from "../../lab/init/fabric.ts";
import { followNodeRoutes } from "../../lab/node/routes.ts";
import { connectTrafficModel, reportOnce } from "../wiring.ts";
import { connectBalancerNames } from "./balancer-names.ts";
import { createClusterDns } from "./cluster-dns.ts";
import { createLabAddresses } from "./lab-addresses.ts";
import { labWebhook } from "./mesh-place.ts";
import { reportFailure, reportReady } from "./report.ts";

const DNS_PORT = 53;

/** `tandem internal control-plane`: API server, controllers and DNS of a lab, in one process. */
export async function runControlPlane(configPath: string): Promise<void> {
  const config = readConfig(configPath);
  const abort = new AbortController();
  process.once("SIGTERM", () => abort.abort());
  try {
    const { server, client } = await startApi(config);
    abort.signal.addEventListener("abort", () => void server.close().then(() => process.exit(0)), {
      once: true,
    });
    await Promise.all([
      startControllers(client, controllerOptions(config), abort.signal),
      serveDns(config, client, abort.signal),
      createClusterDns(client, config.plan),
      followNodeRoutes(client, undefined, abort.signal),
      runCloud(client, config.plan, labAddresses(config), abort.signal, logLine),
      registerMesh(client, config),
    ]);
    reportReady();
  } catch (error) {
    if (!abort.signal.aborted) reportFailure("control plane", error);
  }
}

/**
 * From the start pods of a mesh are asked for sidecars, whoever is to answer: they wait until there is somebody, instead
 * of running without one.
 */
async function registerMesh(client: KubeClient, config: LabConfig): Promise<void> {
  await registerInjection(client, await ensureMeshAuthority(client), labWebhook(config));
}

/** Starts the API server, and writes how to reach it from the host and from inside. */
async function startApi(config: LabConfig) {
  const { plan } = config;
  const fabric = fabricAddresses(config);
  const server = await startApiServer({
    dataDir: config.dataDir,
    storage: "lmdb",
    serviceClusterIPRanges: plan.serviceRanges.map(parseCidr).filter((range) => range !== undefined),
    listeners: [
      ...config.apiSockets.map((fd) => ({ fd })),
      ...fabric.map((host) => ({ host, port: plan.apiPort })),
    ],
    extraSans: ["127.0.0.1", "::1", "localhost", ...fabric],
    advertiseAddresses: fabric,
    advertisePort: plan.apiPort,
  });
  const url = server.urls.find((text) => text.includes(fabric[0] as string)) ?? server.urls[0] ?? "";
  const access = { server: url, token: server.token, ca: server.ca };
  const paths = statePaths(config.stateDir);
  const kubeconfigFor = (url: string) => server.kubeconfig.replaceAll(/https:\/\/[^\s"]+/g, url);
  writeAtOnce(paths.outside, kubeconfigFor(url));
  writeAtOnce(paths.kubeconfig, kubeconfigFor(config.hostUrl));
  writeAtOnce(paths.inner, JSON.stringify(access));
  return { server, client: new KubeClient(access) };
}

function fabricAddresses({ plan }: LabConfig): string[] {
  return plan.families.map((family) => plan.fabric[family] as string);
}

function labAddresses({ plan }: LabConfig) {
  const ranges = plan.balancerRanges.map(parseCidr).filter((range) => range !== undefined);
  const byFamily = groupByFamily(ranges, ({ family }) => family);
  return createLabAddresses(mapFamilies(byFamily, ([range]) => range));
}

function controllerOptions({ plan }: LabConfig) {
  return {
    clusterCidrs: plan.podRanges,
    serviceCidrs: plan.serviceRanges,
    log: logLine,
  };
}

function logLine(line: string): void {
  console.error(`${new Date().toISOString()} ${line}`);
}

/** Names of the cluster from the traffic model; all others from the host's resolvers, through the host's sockets. */
async function serveDns(config: LabConfig, client: KubeClient, signal: AbortSignal): Promise<void> {
  const { familyReadiness } = config.plan;
  const model = await connectTrafficModel(client, signal, { onError: reportOnce("dns"), familyReadiness });
  const listen = outsideAddresses(config.plan).map((address) => ({ address, port: DNS_PORT }));
  const resolvers = config.resolvers.map((address) => ({ address, port: DNS_PORT }));
  const sockets = Object.fromEntries(config.dnsSockets.map(({ family, fd }) => [family, { fd }]));
  const upstream = resolvers.length > 0 ? { upstream: createUpstream({ resolvers, sockets }) } : {};
  const { domain } = config.plan;
  const balancers = await connectBalancerNames(client, domain, signal);
  await startDnsServer({ listen, model, domain, balancers, signal, ...upstream });
}

/** Readers see the file whole or not at all. */
function writeAtOnce(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
