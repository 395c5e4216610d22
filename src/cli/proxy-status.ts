import { Command, Option } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { formatColumns } from "../diagnosis/index.ts";
import { syncOf, type TypeSync, versionOf, XDS_TYPES } from "../envoy/current/sync.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { kubeconfigFor } from "./cluster.ts";
import { dumpAndClockOf, hasControlPlane } from "./envoy-admin.ts";
import { type EnvoyPod, findEnvoyPod, proxies, TARGETS } from "./envoy-pods.ts";
import { KINDS } from "../objects/kinds.ts";
import { ApiError } from "../objects/status.ts";
import { humanDuration } from "../objects/time.ts";
import type { Lease } from "../objects/types.ts";
import { parseOutput, render } from "./output.ts";
import { type Refusal, REFUSALS_LABEL, refusalsOf } from "./xds/refusal-lease.ts";

interface ProxyStatusFlags {
  name?: string;
  clusterName?: string;
  kubeconfig?: string;
  namespace?: string;
  output: string;
}

/** What one Envoy said of itself, or why it did not. */
export interface ProxyStatus {
  /** `pod.namespace`. */
  readonly name: string;
  readonly types: readonly TypeSync[];
  /** The release of Envoy. */
  readonly version?: string;
  readonly error?: string;
  /** Whether it is connected to its control plane. */
  readonly connected?: boolean;
  /** How far its clock is ahead of this machine's (behind: below 0), where that is more than one minute. */
  readonly clockOffsetSeconds?: number;
}

/** Between the two clocks lies the time of an answer. */
const CLOCK_NOTED = 60;
/** Certificates begin so long before they are made (pki/issue.ts), and sidecars' last at least so long, in seconds. */
const CLOCK_BEHIND = 600;
const CLOCK_AHEAD = 86_400;

/** `tandem proxy-status`: whether each Envoy has what it was sent. Exit 79 where one refused something or is silent. */
export function define(): Command {
  return new Command("proxy-status")
    .alias("ps")
    .description(
      "Show of each Envoy, from Envoy itself and from what it told its control plane, whether all that it was sent is in force.",
    )
    .argument("[target]", `${TARGETS}; default: the proxies of all Gateways and all sidecars`)
    .option("--name <cluster>", "the cluster of `tandem up` (default: tandem)")
    .addOption(new Option("--cluster-name <cluster>", "the same, as proxy-config has it").hideHelp())
    .option(
      "--kubeconfig <file>",
      "the cluster of this kubeconfig instead (default: $KUBECONFIG, where none is up)",
    )
    .option("-n, --namespace <namespace>", "the target's namespace, or only proxies of this one")
    .option("-o, --output <format>", "table, wide, json or yaml", "table")
    .action(async (target: string | undefined, flags: ProxyStatusFlags) => {
      const output = parseOutput(flags.output);
      const client = new KubeClient(
        await loadKubeconfig(kubeconfigFor(flags.kubeconfig, flags.clusterName ?? flags.name)),
      );
      try {
        const pods =
          target === undefined
            ? await proxies(client, undefined, flags.namespace)
            : [await findEnvoyPod(client, target, flags.namespace ?? "default")];
        const refusals = await toldRefusals(client);
        const statuses = await Promise.all(pods.map((pod) => statusOf(client, pod, refusals)));
        console.log(render(statuses, output, statusTable));
        const healthy = (status: ProxyStatus) =>
          status.error === undefined &&
          status.connected !== false &&
          status.types.every(({ state }) => state !== "ERROR") &&
          clockProblem(status.clockOffsetSeconds) === undefined;
        process.exitCode = statuses.every(healthy) ? EXIT.ok : EXIT.findings;
      } finally {
        client.close();
      }
    });
}

/** One Envoy that does not answer does not hide the others. */
async function statusOf(
  client: KubeClient,
  pod: EnvoyPod,
  refusals: readonly Refusal[],
): Promise<ProxyStatus> {
  const name = `${pod.name}.${pod.namespace}`;
  const own = refusals.filter(({ pods }) => pods.includes(`${pod.namespace}/${pod.name}`));
  if (pod.trouble !== undefined) return { name, types: [], error: pod.trouble };
  try {
    const [{ dump, clockOffset = 0 }, connected] = await Promise.all([
      dumpAndClockOf(client, pod),
      hasControlPlane(client, pod),
    ]);
    const clockOffsetSeconds = Math.round(clockOffset / 1000);
    const isOff = Math.abs(clockOffsetSeconds) > CLOCK_NOTED;
    const version = versionOf(dump);
    return {
      name,
      types: withRefusals(syncOf(dump), own),
      ...(version !== undefined && { version }),
      connected,
      ...(isOff && { clockOffsetSeconds }),
    };
  } catch (error) {
    const why = error instanceof UserError ? error.parts.why : (error as Error).message;
    return { name, types: [], error: why ?? "it does not answer" };
  }
}

/** What control planes were told; nothing where Leases may not be read, as Envoys say the most of it themselves. */
async function toldRefusals(client: KubeClient): Promise<Refusal[]> {
  try {
    const { items } = await client.list<Lease>(KINDS.Lease, { labelSelector: REFUSALS_LABEL });
    return items.flatMap(refusalsOf);
  } catch (error) {
    if (error instanceof ApiError && error.code === 403) return [];
    throw error;
  }
}

const TYPE_OF = {
  cluster: "CDS",
  endpoint: "EDS",
  filter: "LDS",
  listener: "LDS",
  route: "RDS",
  virtualHost: "RDS",
  secret: "SDS",
} as const satisfies Record<Refusal["kind"], string>;

/**
 * What an Envoy says of itself, with what it has told its control plane: Envoy keeps the words of a refusal of clusters
 * and listeners alone. Source: envoy.admin.v3.RoutesConfigDump.DynamicRouteConfig.error_state, which is not implemented.
 */
export function withRefusals(types: readonly TypeSync[], refusals: readonly Refusal[]): TypeSync[] {
  return types.map((sync) => {
    const known = new Set(sync.problems.map(({ name }) => name));
    const told = refusals
      .filter(({ kind, name }) => TYPE_OF[kind] === sync.type && !known.has(name))
      .map(({ name, message }) => ({ name, problem: message }));
    return told.length === 0 ? sync : { ...sync, state: "ERROR", problems: [...sync.problems, ...told] };
  });
}

function clockText(seconds: number): string {
  const far = humanDuration(Math.abs(seconds) * 1000);
  const problem = clockProblem(seconds);
  const text = `its clock is ${far} ${seconds < 0 ? "behind" : "ahead of"} this machine's`;
  return problem === undefined ? text : `${text}; ${problem}`;
}

/** What certificates suffer from, where a clock is so far off. */
function clockProblem(seconds = 0): string | undefined {
  if (seconds <= -CLOCK_BEHIND)
    return "certificates begin 10 minutes before they are made, so that new ones are not valid there yet";
  if (seconds >= CLOCK_AHEAD) return "certificates of sidecars may have ended there before they are renewed";
  return undefined;
}

const AWAY =
  "it is not connected to its control plane; what came before stays in force, and nothing new comes";

/** A line for each Envoy, and below what was refused and why. */
export function statusTable(statuses: readonly ProxyStatus[], wide: boolean): string {
  if (statuses.length === 0) return "No proxies found.";
  const cell = (sync: TypeSync | undefined) =>
    sync === undefined ? "NO ANSWER" : wide ? `${sync.state} (${sync.resources})` : sync.state;
  const rows = statuses.map(({ name, types, version = "-" }) => [
    name,
    ...XDS_TYPES.map(([type]) => cell(types.find((sync) => sync.type === type))),
    ...(wide ? [version] : []),
  ]);
  const problems = statuses.flatMap(({ name, types, error, connected, clockOffsetSeconds }) => [
    ...(error === undefined ? [] : [`${name}: ${error}`]),
    ...(connected === false ? [`${name}: ${AWAY}`] : []),
    ...(clockOffsetSeconds === undefined ? [] : [`${name}: ${clockText(clockOffsetSeconds)}`]),
    ...types.flatMap(({ type, problems }) =>
      problems.map(({ name: resource, problem }) => `${name}: ${type} ${resource}: ${problem}`),
    ),
  ]);
  const header = ["NAME", ...XDS_TYPES.map(([type]) => type), ...(wide ? ["VERSION"] : [])];
  const table = formatColumns([header, ...rows]);
  return problems.length === 0 ? table : `${table}\n\n${problems.join("\n")}`;
}
