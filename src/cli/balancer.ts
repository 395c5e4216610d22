import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { LOCAL_WORKERS, startBalancerController } from "../controllers/balancer/index.ts";
import {
  type BalancerFlags,
  insistOnClusterName,
  readBalancerFlags,
  withBalancerFlags,
} from "./balancer/flags.ts";
import { balancerManifests } from "./balancer/manifests.ts";
import { printOrphaned } from "./balancer/orphans.ts";
import { printPlan } from "./balancer/plan.ts";
import { checkProvider, openProvider, translateWith } from "./balancer/provider.ts";
import { parseDurationFlag } from "./duration.ts";
import { type ElectionFlags, leadAs, withElectionFlags } from "./election.ts";
import { parseOutput, printManifests } from "./output.ts";
import { reportOnce, untilStopped } from "./wiring.ts";
import { collect, imageFlag } from "./flags.ts";

interface ServeFlags extends BalancerFlags, ElectionFlags {
  readonly sweepOrphans?: string;
  readonly orphansOlderThan: string;
}

const HELP = `
Examples:
  tandem balancer --kubeconfig=F --provider=aws --region=eu-west-1 --vpc-id=vpc-0abc --cluster-name=prod
  tandem balancer plan -f service.yaml --kubeconfig=F --provider=aws --vpc-id=vpc-0abc
  tandem balancer orphans --delete --older-than=1h --kubeconfig=F --provider=aws --vpc-id=vpc-0abc --cluster-name=prod`;

/** Of the commands below this one. */
const PARENTS_FLAGS = `
The flags of tandem balancer hold here, too (--kubeconfig, --provider, --region, --vpc-id, --cluster-name and others):
tandem balancer --help lists them.`;

/** `tandem balancer`: load balancers of Services, of AWS or local ones, against any API server. */
export function define(): Command {
  const command = new Command("balancer").description(
    "Serve Services of type LoadBalancer: clients of both families, whatever family the nodes speak.",
  );
  withBalancerFlags(command)
    .option(
      "--sweep-orphans <duration>",
      "look for orphans so often, and delete them (default: only when asked)",
    )
    .option(
      "--orphans-older-than <duration>",
      "delete orphans of this age only; on AWS also the time until what a Service left that went without clean-up goes",
      "1h",
    );
  return withElectionFlags(command)
    .addHelpText("after", HELP)
    .action(serve)
    .addCommand(definePlan())
    .addCommand(defineOrphans())
    .addCommand(defineManifests());
}

function definePlan(): Command {
  return new Command("plan")
    .description("Print what would be done for the Services of manifests, without doing it.")
    .addHelpText("after", PARENTS_FLAGS)
    .requiredOption("-f, --filename <path>", "file, directory or - (repeatable)", collect, [])
    .option("-o, --output <format>", "table, json or yaml", "table")
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<BalancerFlags & { filename: string[]; output: string }>();
      const output = parseOutput(flags.output);
      process.exitCode = await printPlan(readBalancerFlags(flags), flags.filename, output, untilStopped());
    });
}

function defineOrphans(): Command {
  return new Command("orphans")
    .description("Find what belongs to this cluster and to no Service, and say why.")
    .addHelpText("after", PARENTS_FLAGS)
    .option("--delete", "delete it, in the right order", false)
    .option("--older-than <duration>", "only what was made so long ago", "0")
    .option("--wait <duration>", "with --delete: try again for so long what is still in use", "3m")
    .option("-o, --output <format>", "table, json or yaml", "table")
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<
        BalancerFlags & { delete: boolean; olderThan: string; wait: string; output: string }
      >();
      if (flags.delete) insistOnClusterName(flags, "delete orphans");
      const options = {
        delete: flags.delete,
        olderThanMs: parseDurationFlag("--older-than", flags.olderThan),
        waitMs: parseDurationFlag("--wait", flags.wait),
      };
      const output = parseOutput(flags.output);
      process.exitCode = await printOrphaned(readBalancerFlags(flags), options, output, untilStopped());
    });
}

function defineManifests(): Command {
  return new Command("manifests")
    .description("Print what runs the balancer of AWS inside of a cluster: kubectl apply -f -")
    .addHelpText("after", PARENTS_FLAGS)
    .requiredOption("--image <image>", "an image with tandem as its entrypoint", imageFlag)
    .option(
      "--role-arn <arn>",
      "the IAM role of its service account (IRSA); else as the pod finds credentials",
    )
    .action((_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<BalancerFlags & { image: string; roleArn?: string }>();
      insistOnClusterName({ ...flags, provider: "aws" }, "print what runs the balancer");
      const objects = balancerManifests(readBalancerFlags({ ...flags, provider: "aws" }), flags);
      printManifests(objects);
    });
}

async function serve(flags: ServeFlags): Promise<void> {
  const settings = readBalancerFlags(flags);
  const olderThanMs = parseDurationFlag("--orphans-older-than", flags.orphansOlderThan);
  if (flags.sweepOrphans !== undefined) insistOnClusterName(flags, "sweep orphans");
  const sweep =
    flags.sweepOrphans === undefined
      ? undefined
      : { everyMs: parseDurationFlag("--sweep-orphans", flags.sweepOrphans), olderThanMs };
  // addresses of a host are its own, and another Service may want them
  const kind = settings.provider === "aws" ? { goneGraceMs: olderThanMs } : { workers: LOCAL_WORKERS };
  const signal = untilStopped();
  const client = new KubeClient(await loadKubeconfig(settings.kubeconfig));
  const log = reportOnce("tandem balancer");
  await checkProvider(settings, log, signal);
  const lead = async (term: AbortSignal): Promise<void> => {
    const opened = await openProvider(
      settings,
      { client, readOnly: false, elected: flags.leaderElect, log },
      term,
    );
    const translate = translateWith.bind(undefined, settings);
    const { provider } = opened;
    const options = { client, provider, translate, log, ...kind, ...(sweep && { sweep }) };
    const { stopped } = await startBalancerController(options, term);
    console.log(
      `tandem balancer: serving Services of ${client.config.server} by provider ${settings.provider}`,
    );
    await stopped;
    await opened.stopped;
  };
  try {
    await leadAs(`tandem-balancer-${settings.provider}`, flags, client, log)(lead, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    client.close();
  }
}
