import { Command, Option } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { formatColumns } from "../diagnosis/index.ts";
import { syncOf, type TypeSync, XDS_TYPES } from "../envoy/current/sync.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { kubeconfigOf } from "./cluster.ts";
import { dumpOf, type EnvoyPod, findEnvoyPod, proxies } from "./envoy-admin.ts";
import { KINDS } from "../objects/kinds.ts";
import { ApiError } from "../objects/status.ts";
import type { Lease } from "../objects/types.ts";
import { parseOutput, render } from "./output.ts";
import { type Refusal, REFUSALS_LABEL, refusalsOf } from "./xds/refusal-lease.ts";

interface ProxyStatusFlags {
  name: string;
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
  readonly error?: string;
}

/** `tandem proxy-status`: whether each Envoy has what it was sent. Exit 79 where one refused something or is silent. */
export function define(): Command {
  return new Command("proxy-status")
    .alias("ps")
    .description(
      "Show of each Envoy, from Envoy itself and from what it told its control plane, whether all that it was sent is in force.",
    )
    .argument(
      "[target]",
      "a pod (NAME or NAME.NAMESPACE), gateway/NAME or deploy/NAME; default: the proxies of all Gateways and all sidecars",
    )
    .option("--name <cluster>", "the cluster of `tandem up`", "tandem")
    .addOption(new Option("--cluster-name <cluster>", "the same, as proxy-config has it").hideHelp())
    .option("--kubeconfig <file>", "the cluster of this kubeconfig instead")
    .option("-n, --namespace <namespace>", "the target's namespace, or only proxies of this one")
    .option("-o, --output <format>", "table, wide, json or yaml", "table")
    .action(async (target: string | undefined, flags: ProxyStatusFlags) => {
      const output = parseOutput(flags.output);
      const client = new KubeClient(
        await loadKubeconfig(flags.kubeconfig ?? kubeconfigOf(flags.clusterName ?? flags.name)),
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
          status.error === undefined && status.types.every(({ state }) => state !== "ERROR");
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
  try {
    return { name, types: withRefusals(syncOf(await dumpOf(client, pod)), own) };
  } catch (error) {
    return { name, types: [], error: (error as Error).message };
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

/** A line for each Envoy, and below what was refused and why. */
export function statusTable(statuses: readonly ProxyStatus[], wide: boolean): string {
  if (statuses.length === 0) return "No proxies found.";
  const cell = (sync: TypeSync | undefined) =>
    sync === undefined ? "NO ANSWER" : wide ? `${sync.state} (${sync.resources})` : sync.state;
  const rows = statuses.map(({ name, types }) => [
    name,
    ...XDS_TYPES.map(([type]) => cell(types.find((sync) => sync.type === type))),
  ]);
  const problems = statuses.flatMap(({ name, types, error }) => [
    ...(error === undefined ? [] : [`${name}: ${error}`]),
    ...types.flatMap(({ type, problems }) =>
      problems.map(({ name: resource, problem }) => `${name}: ${type} ${resource}: ${problem}`),
    ),
  ]);
  const table = formatColumns([["NAME", ...XDS_TYPES.map(([type]) => type)], ...rows]);
  return problems.length === 0 ? table : `${table}\n\n${problems.join("\n")}`;
}
