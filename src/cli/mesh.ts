import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import type { WebhookAddress } from "../controllers/mesh/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { joinHostPort } from "../ip/address.ts";
import { type ElectionFlags, leadAs, withElectionFlags } from "./election.ts";
import { definitionsIn } from "./gateway/definitions.ts";
import { podFamilies } from "./gateway/families.ts";
import { ownAddresses } from "./own-addresses.ts";
import { printManifests } from "./output.ts";
import { type MeshManifestSettings, meshManifests } from "./mesh/manifests.ts";
import { keepCompiledCode } from "./memory.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT, WEBHOOK_PORT } from "./mesh/ports.ts";
import { ENVOY_IMAGE } from "./mesh/proxy.ts";
import { startMesh } from "./mesh/run.ts";
import { CLUSTER_DOMAIN_FLAG, collect, hopLimitFlag, imageFlag, parsePortFlag } from "./flags.ts";
import { reportOnce, untilStopped } from "./wiring.ts";

const REFUSED = "cannot serve a mesh";

interface MeshFlags extends ElectionFlags {
  kubeconfig?: string;
  xdsPort: string;
  webhookPort: string;
  grpcPort: string;
  bind: string[];
  advertise?: string;
  webhookUrl?: string;
  webhookService?: string;
  initImage: string;
  proxyImage: string;
  probeHopLimit?: number;
  clusterDomain: string;
}

const PROXY_IMAGE_FLAG = [
  "--proxy-image <image>",
  "the image of sidecars: Envoy 1.40, with sh, and curl or bash",
  imageFlag,
  ENVOY_IMAGE,
] as const;

const HOP_LIMIT_FLAG = [
  "--probe-hop-limit <hops>",
  "hop limit (TTL) of what nodes themselves send to their pods, mostly 64: of what has a node's address, only that " +
    "reaches the ports of probes past sidecars",
  hopLimitFlag,
] as const;

/** `tandem mesh`: sidecars for pods, against any API server, until it is told to stop. */
export function define(): Command {
  const command = new Command("mesh")
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
    .option(
      "--webhook-service <namespace/name>",
      "the Service by which it finds it instead, inside of a cluster",
    )
    .option("--init-image <image>", "the image that captures pods' traffic", imageFlag, "tandem")
    .option(...PROXY_IMAGE_FLAG)
    .option(...HOP_LIMIT_FLAG)
    .option(...CLUSTER_DOMAIN_FLAG);
  return withElectionFlags(command)
    .action(serve)
    .addCommand(
      new Command("manifests")
        .description("Print what runs the mesh inside of a cluster: kubectl apply -f -")
        .requiredOption("--image <image>", "an image with tandem, nft and ip", imageFlag)
        .option(...PROXY_IMAGE_FLAG)
        .option(...HOP_LIMIT_FLAG)
        .option(...CLUSTER_DOMAIN_FLAG)
        .action(printOwn),
    );
}

async function printOwn(_flags: unknown, command: Command): Promise<void> {
  const settings = command.optsWithGlobals<MeshManifestSettings>();
  const definitions = await definitionsIn("tandem-mesh.json");
  printManifests([...definitions, ...meshManifests(settings)]);
}

async function serve(flags: MeshFlags): Promise<void> {
  const xdsPort = parsePortFlag(REFUSED, "--xds-port", flags.xdsPort, MESH_XDS_PORT);
  const webhookPort = parsePortFlag(REFUSED, "--webhook-port", flags.webhookPort, WEBHOOK_PORT);
  const grpcPort = parsePortFlag(REFUSED, "--grpc-port", flags.grpcPort, MESH_GRPC_PORT);
  const advertise = flags.advertise?.split(",").filter((item) => item !== "") ?? ownAddresses();
  const webhook = webhookAddress(flags, advertise[0] ?? "127.0.0.1", webhookPort);
  const signal = untilStopped();
  const client = new KubeClient(await loadKubeconfig(flags.kubeconfig));
  const log = reportOnce("tandem mesh");
  try {
    const { stopped } = await startMesh({
      client,
      listen: flags.bind.length > 0 ? flags.bind : ["0.0.0.0", "::"],
      advertise,
      xdsPort,
      webhookPort,
      grpcPort,
      webhook,
      families: await podFamilies(client),
      clusterDomain: flags.clusterDomain,
      initImage: flags.initImage,
      proxyImage: flags.proxyImage,
      ...(flags.probeHopLimit !== undefined && { probeHopLimit: flags.probeHopLimit }),
      ...(flags.leaderElect && { lead: leadAs("tandem-mesh", flags, client, log) }),
      leaseNamespace: flags.leaseNamespace,
      log,
      signal,
    });
    console.log(
      `tandem mesh: serving pods of ${client.config.server}; xDS on port ${xdsPort}, injection on ${webhookPort}`,
    );
    keepCompiledCode();
    await stopped;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    client.close();
  }
}

function webhookAddress(flags: MeshFlags, host: string, port: number): WebhookAddress {
  const { webhookUrl, webhookService } = flags;
  if (webhookService === undefined) return { url: webhookUrl ?? `https://${joinHostPort(host, port)}` };
  const [namespace = "", name = "", ...rest] = webhookService.split("/");
  if (namespace !== "" && name !== "" && rest.length === 0 && webhookUrl === undefined)
    return { service: { namespace, name, port } };
  throw new UserError({
    what: REFUSED,
    where: `flag --webhook-service, value ${JSON.stringify(webhookService)}`,
    why: "it is the namespace and the name of a Service, and stands instead of --webhook-url",
    next: "for example --webhook-service tandem-system/tandem-mesh",
    exitCode: EXIT.usage,
  });
}
