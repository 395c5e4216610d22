import { renameSync, writeFileSync } from "node:fs";
import { startApiServer } from "../../apiserver/index.ts";
import { KubeClient } from "../../client/index.ts";
import { parseCidr } from "../../ip/cidr.ts";
import { type LabConfig, readConfig, statePaths } from "../../lab/config.ts";
import { followNodeRoutes } from "../../lab/node/routes.ts";
import { reportFailure, reportReady } from "./report.ts";

/** `tandem internal control-plane`: API server, controllers and DNS of a lab, in one process. */
export async function runControlPlane(configPath: string): Promise<void> {
  const config = readConfig(configPath);
  const abort = new AbortController();
  try {
    const client = await startApi(config);
    await followNodeRoutes(client, undefined, abort.signal);
    reportReady();
  } catch (error) {
    reportFailure("control plane", error);
  }
  process.once("SIGTERM", () => process.exit(0));
}

/** Starts the API server, and writes how to reach it from the host and from inside. */
async function startApi(config: LabConfig): Promise<KubeClient> {
  const { plan } = config;
  const fabric = plan.families.map((family) => plan.fabric[family] as string);
  const server = await startApiServer({
    dataDir: config.dataDir,
    storage: "lmdb",
    serviceClusterIPRanges: plan.serviceRanges
      .map((text) => parseCidr(text))
      .filter((range) => range !== undefined),
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
  writeAtOnce(paths.kubeconfig, server.kubeconfig.replaceAll(/https:\/\/[^\s"]+/g, config.hostUrl));
  writeAtOnce(paths.inner, JSON.stringify(access));
  return new KubeClient(access);
}

/** Readers see the file whole or not at all. */
function writeAtOnce(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
