import { Command, Option } from "commander";
import { applyManifests, KubeClient, loadKubeconfig, readManifests } from "../client/index.ts";
import { createProbePods, type Matrix, type MatrixOptions, runMatrix } from "../diagnosis/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { type ClusterShape, DEFAULT_NAME, parseShape, type ShapeFlags } from "./cluster.ts";
import { bringUp, checkMachine, type RunningCluster } from "../lab/index.ts";
import { installDefinitions, needsDefinitions } from "./gateway/definitions.ts";
import { waitForGateways } from "./gateway/ready.ts";
import { ENVOY_FLAG, envoyOfLab } from "./lab-envoy.ts";
import { IMAGE_FLAG, parseImage } from "./lab-images.ts";
import { parseSysctls, SYSCTLS_FLAG } from "./lab-sysctls.ts";
import { matrixTable } from "./matrix.ts";
import { FAMILY_READINESS_FLAG } from "./family-readiness.ts";
import { parseOutput, render } from "./output.ts";
import { waitForWorkloads } from "./ready.ts";
import { createSteps, type Steps } from "./steps.ts";
import { collect } from "./flags.ts";
import { abortOnSignals } from "./wiring.ts";

interface UpFlags extends ShapeFlags {
  filename: string[];
  image: string[];
  envoy?: string;
  allowedUnsafeSysctls?: string;
  once: boolean;
  timeout: string;
  output: string;
  quiet: boolean;
}

/** `tandem up`: a cluster, its manifests, and the proof. */
export function define(): Command {
  return new Command("up")
    .description(
      "Bring up a dual-stack cluster on this machine, apply manifests, and prove every Service over every family.",
    )
    .option("-f, --filename <path>", "manifest file or folder (repeatable)", collect, [])
    .option("--once", "take it all down again; exit with 0 only where everything works", false)
    .option("--name <cluster>", "name of the cluster", DEFAULT_NAME)
    .option("--nodes <count>", "number of nodes", "2")
    .option(
      "--ip-families <list>",
      "the cluster's families in order: IPv4,IPv6 | IPv6,IPv4 | IPv4 | IPv6",
      "IPv4,IPv6",
    )
    .option("--service-cluster-ip-range <cidrs>", "Service ranges in the order of the families")
    .option("--cluster-cidr <cidrs>", "pod ranges in the order of the families")
    .option("--port <port>", "port of the API on loopback; 0 picks a free one", "0")
    .option(...FAMILY_READINESS_FLAG)
    .option(...IMAGE_FLAG, collect, [])
    .option(...ENVOY_FLAG)
    .option(...SYSCTLS_FLAG)
    .option("--timeout <seconds>", "how long workloads may take to become ready", "60")
    .option("-o, --output <format>", "format of the matrix: table, wide, json or yaml", "table")
    .addOption(new Option("-q, --quiet", "no progress").default(false))
    .action(up);
}

async function up(flags: UpFlags): Promise<void> {
  const output = parseOutput(flags.output);
  const timeoutSeconds = parseSeconds(flags.timeout);
  const shape = parseShape(flags);
  const { allowedUnsafeSysctls: sysctls } = flags;
  const programs = {
    images: flags.image.map(parseImage),
    ...envoyOfLab(flags.envoy),
    ...(sysctls !== undefined && { allowedUnsafeSysctls: parseSysctls(sysctls) }),
  };
  const steps = createSteps(process.stderr, flags.quiet);
  const abort = abortOnSignals();
  const objects = await steps.run("Checking this machine and the manifests", async () => {
    await checkMachine(shape);
    return flags.filename.length === 0 ? [] : await readManifests(flags.filename);
  });
  const cluster = await bringUp({ ...shape, ...programs, once: flags.once, signal: abort, step: steps.run });
  try {
    const matrix = await populate(cluster, shape, objects, steps, timeoutSeconds, abort).catch((error) => {
      throw flags.once ? error : withRunningCluster(error, cluster, shape);
    });
    if (!flags.quiet) process.stderr.write("\n");
    console.log(render(matrix, output, matrixTable));
    process.exitCode = matrix.ok ? EXIT.ok : EXIT.findings;
    if (!flags.once) await serveDefinitions(cluster);
    if (!flags.once && !flags.quiet) printNext(cluster, shape, objects);
  } finally {
    if (flags.once) await cluster.stop();
  }
}

/** What failed came after the cluster, which stays: a corrected manifest goes to it, not to another `tandem up`. */
function withRunningCluster(error: unknown, cluster: RunningCluster, shape: ClusterShape): unknown {
  if (!(error instanceof UserError)) return error;
  const end = `tandem down${shape.name === DEFAULT_NAME ? "" : ` --name ${shape.name}`}`;
  const use = `export KUBECONFIG=${cluster.kubeconfig}, or end it: ${end}`;
  const next = `${error.parts.next ? `${error.parts.next}; ` : ""}the cluster is up all the same: ${use}`;
  return new UserError({ ...error.parts, next });
}

/**
 * Gateways, routes and policies can be applied as soon as the command is done. The lab brings their definitions by itself,
 * and goes on trying where this does not succeed.
 */
async function serveDefinitions({ kubeconfig }: RunningCluster): Promise<void> {
  const client = new KubeClient(await loadKubeconfig(kubeconfig));
  await installDefinitions(client).catch(() => {});
  client.close();
}

type Manifests = Awaited<ReturnType<typeof readManifests>>;

async function populate(
  cluster: RunningCluster,
  { families, familyReadiness }: ClusterShape,
  objects: Manifests,
  steps: Steps,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<Matrix> {
  const client = new KubeClient(await loadKubeconfig(cluster.kubeconfig));
  try {
    const probes = createProbePods(client, families);
    probes.catch(() => {}); // awaited below, unless the manifests fail first
    if (objects.some(({ object }) => needsDefinitions(object))) {
      await steps.run("Installing the Gateway API", () => installDefinitions(client));
    }
    await steps.run(`Applying ${objects.length} objects`, () => applyManifests(client, objects));
    await probes;
    await steps.run("Waiting for pods", (onWaiting) =>
      waitForWorkloads(
        client,
        objects.map((item) => item.object),
        { timeoutSeconds, onWaiting, signal },
      ),
    );
    if (objects.some(({ object }) => object.kind === "Gateway")) {
      const given = objects.map((item) => item.object);
      await steps.run("Waiting for gateways", (onWaiting) =>
        waitForGateways(client, given, { timeoutSeconds, onWaiting, signal }),
      );
    }
    return await steps.run(`Probing every Service over ${families.join(" and ")}`, () =>
      firstGreen(client, { signal, familyReadiness }),
    );
  } finally {
    client.close();
  }
}

const SETTLE_ATTEMPTS = 5;
const SETTLE_PAUSE_MS = 200;
/** For so long at least. */
const SETTLE_MS = 10_000;

/** Rules follow endpoints by some milliseconds, or seconds on a busy machine: a red matrix is tried again before it counts. */
async function firstGreen(client: KubeClient, options: MatrixOptions): Promise<Matrix> {
  const began = performance.now();
  let matrix = await runMatrix(client, options);
  const isOver = (attempt: number) => attempt >= SETTLE_ATTEMPTS && performance.now() - began >= SETTLE_MS;
  for (let attempt = 1; !matrix.ok && !isOver(attempt); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_PAUSE_MS));
    matrix = await runMatrix(client, options);
  }
  return matrix;
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new UserError({
    what: "cannot bring up the cluster",
    where: `flag --timeout, value ${JSON.stringify(text)}`,
    why: "it is not a number of seconds above 0",
    next: "for example --timeout 60",
    exitCode: EXIT.usage,
  });
}

function printNext(cluster: RunningCluster, shape: ClusterShape, objects: Manifests): void {
  const name = shape.name === DEFAULT_NAME ? "" : ` --name ${shape.name}`;
  const tandem = process.env["TANDEM_COMMAND"] ?? "tandem"; // from bin/tandem
  const lines = [
    `export KUBECONFIG=${cluster.kubeconfig}`,
    "kubectl get services,endpointslices -A",
    ...execExample(objects).map((call) => `${tandem} lab exec${name} ${call}`),
    `${tandem} matrix${name} -o wide`,
    `${tandem} down${name}`,
  ];
  process.stderr.write(`\nThe cluster is up. Next:\n${lines.map((line) => `  ${line}\n`).join("")}`);
}

/** A call into one of the Deployments that were applied; the experiment's own line where it is the experiment. */
function execExample(objects: Manifests): string[] {
  const deployments = objects.map((item) => item.object).filter((object) => object.kind === "Deployment");
  const sleep = deployments.find(
    ({ metadata }) => metadata.name === "sleep" && metadata.namespace === "dual-stack",
  );
  if (sleep !== undefined) {
    return ["-n dual-stack deploy/sleep -- sh -c 'echo dualstack | nc tcp-echo.dual-stack 9000'"];
  }
  return deployments.slice(0, 1).map(({ metadata }) => {
    return `-it -n ${metadata.namespace ?? "default"} deploy/${metadata.name} -- sh`;
  });
}
