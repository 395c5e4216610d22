import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { joinHostPort } from "../ip/address.ts";
import { podFamilies } from "./gateway/families.ts";
import { ownAddresses } from "./own-addresses.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT, WEBHOOK_PORT } from "./mesh/ports.ts";
import { startMesh } from "./mesh/run.ts";
import { reportOnce, untilStopped } from "./wiring.ts";

interface MeshFlags {
  kubeconfig?: string;
  xdsPort: string;
  webhookPort: string;
  grpcPort: string;
  bind: string[];
  advertise?: string;
  webhookUrl?: string;
  initImage: string;
  clusterDomain: string;
}

/** `tandem mesh`: sidecars for pods, against any API server, until it is told to stop. */
export function define(): Command {
  return new Command("mesh")
    .description(
      "Give pods sidecars that speak mutual TLS with each other: injection, identities, configuration over xDS. " +
        "Label a namespace tandem.dev/inject=enabled (or istio-injection=enabled).",
    )
    .option("--kubeconfig <file>", "how to reach the API server (default: $KUBECONFIG, then ~/.kube/config)")
    .option("--xds-port <port>", "port that sidecars get their configuration from", String(MESH_XDS_PORT))
    .option("--webhook-port <port>", "port that the API server asks about pods", String(WEBHOOK_PORT))
    .option("--grpc-port <port>", "port for applications that speak xDS themselves", String(MESH_GRPC_PORT))
    .option(
      "--bind <address>",
      "address to serve on, of either family (repeatable; default: all)",
      collect,
      [],
    )
    .option(
      "--advertise <list>",
      "addresses or names by which it is reached, divided by commas (default: this machine's addresses)",
    )
    .option("--webhook-url <url>", "where the API server finds the webhook (default: the first of those)")
    .option("--init-image <image>", "the image that captures pods' traffic", "tandem")
    .option("--cluster-domain <domain>", "domain of the cluster, and of identities", "cluster.local")
    .action(serve);
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

async function serve(flags: MeshFlags): Promise<void> {
  const xdsPort = parsePort("--xds-port", flags.xdsPort);
  const webhookPort = parsePort("--webhook-port", flags.webhookPort);
  const grpcPort = parsePort("--grpc-port", flags.grpcPort);
  const advertise = flags.advertise?.split(",").filter((item) => item !== "") ?? ownAddresses();
  const url = flags.webhookUrl ?? `https://${joinHostPort(advertise[0] ?? "127.0.0.1", webhookPort)}`;
  const signal = untilStopped();
  const client = new KubeClient(await loadKubeconfig(flags.kubeconfig));
  try {
    const { stopped } = await startMesh({
      client,
      listen: flags.bind.length > 0 ? flags.bind : ["0.0.0.0", "::"],
      advertise,
      xdsPort,
      webhookPort,
      grpcPort,
      webhook: { url },
      families: await podFamilies(client),
      clusterDomain: flags.clusterDomain,
      initImage: flags.initImage,
      log: reportOnce("tandem mesh"),
      signal,
    });
    console.log(
      `tandem mesh: serving pods of ${client.config.server}; xDS on port ${xdsPort}, injection on ${webhookPort}`,
    );
    await stopped;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    client.close();
  }
}

function parsePort(flag: string, text: string): number {
  const port = Number(text);
  if (/^[0-9]+$/.test(text) && port >= 1 && port <= 65535) return port;
  throw new UserError({
    what: "cannot serve a mesh",
    where: `flag ${flag}, value ${JSON.stringify(text)}`,
    why: "a port is a number from 1 to 65535",
    next: `for example ${flag} ${MESH_XDS_PORT}`,
    exitCode: EXIT.usage,
  });
}
