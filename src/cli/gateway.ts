import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { type ElectionFlags, leadAs, withElectionFlags } from "./election.ts";
import { FAMILY_READINESS_FLAG, readFamilyReadiness } from "./family-readiness.ts";
import { definitionsIn } from "./gateway/definitions.ts";
import { podFamilies } from "./gateway/families.ts";
import { gatewayManifests } from "./gateway/manifests.ts";
import { startGateways } from "./gateway/run.ts";
import { keepCompiledCode } from "./memory.ts";
import { ownAddresses } from "./own-addresses.ts";
import { CLUSTER_DOMAIN_FLAG, collect, imageFlag, parsePortFlag } from "./flags.ts";
import { printManifests } from "./output.ts";
import { reportOnce, untilStopped } from "./wiring.ts";

interface GatewayFlags extends ElectionFlags {
  kubeconfig?: string;
  xdsPort: string;
  xdsBind: string[];
  xdsAdvertise?: string;
  clusterDomain: string;
  familyReadiness?: string;
}

/** `tandem gateway`: Gateways on Envoy, against any API server, until it is told to stop. */
export function define(): Command {
  const command = new Command("gateway")
    .description(
      "Serve the Gateway API on Envoy: statuses, infrastructure, and configuration over xDS. The Gateway API's " +
        "definitions (v1.6) have to be in the cluster, or come later.",
    )
    .option("--kubeconfig <file>", "how to reach the API server (default: $KUBECONFIG, then ~/.kube/config)")
    .option("--xds-port <port>", "port that Envoys get their configuration from", "18000")
    .option(
      "--xds-bind <address>",
      "address to serve xDS on, of either family (repeatable; default: all)",
      collect,
      [],
    )
    .option(
      "--xds-advertise <list>",
      "addresses or names by which Envoys reach it, divided by commas (default: this machine's addresses)",
    )
    .option(...CLUSTER_DOMAIN_FLAG)
    .option(...FAMILY_READINESS_FLAG);
  return withElectionFlags(command).action(serve).addCommand(defineManifests());
}

function defineManifests(): Command {
  return new Command("manifests")
    .description(
      "Print what runs the controller inside of a cluster: kubectl apply -f -. The Gateway API's own definitions " +
        "are to be there already.",
    )
    .requiredOption("--image <image>", "an image with tandem", imageFlag)
    .option(...CLUSTER_DOMAIN_FLAG)
    .action(async (_flags: unknown, command: Command) => {
      const { image, clusterDomain } = command.optsWithGlobals<{ image: string; clusterDomain: string }>();
      const definitions = await definitionsIn("tandem-v1alpha1.json", "tandem-policies.json");
      printManifests([...definitions, ...gatewayManifests({ image, clusterDomain })]);
    });
}

async function serve(flags: GatewayFlags): Promise<void> {
  const xdsPort = parsePortFlag("cannot serve Gateways", "--xds-port", flags.xdsPort, 18000);
  const advertise = flags.xdsAdvertise?.split(",").filter((item) => item !== "") ?? ownAddresses();
  const signal = untilStopped();
  const client = new KubeClient(await loadKubeconfig(flags.kubeconfig));
  const log = reportOnce("tandem gateway");
  try {
    const { stopped } = await startGateways({
      client,
      listen: flags.xdsBind.length > 0 ? flags.xdsBind : ["0.0.0.0", "::"],
      advertise,
      xdsPort,
      families: await podFamilies(client),
      clusterDomain: flags.clusterDomain,
      familyReadiness: readFamilyReadiness(flags.familyReadiness),
      ...(flags.leaderElect && { lead: leadAs("tandem-gateway", flags, client, log) }),
      leaseNamespace: flags.leaseNamespace,
      log,
      signal,
    });
    console.log(`tandem gateway: serving Gateways of ${client.config.server}; xDS on port ${xdsPort}`);
    keepCompiledCode();
    await stopped;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    client.close();
  }
}
