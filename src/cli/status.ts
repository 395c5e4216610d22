import { Command } from "commander";
import { EXIT } from "../errors/exit-codes.ts";
import { findCluster, runningClusters } from "../lab/index.ts";
import { DEFAULT_NAME, notRunning } from "./cluster.ts";
import { parseOutput, render } from "./output.ts";
import type { NotRunning } from "./status/model.ts";
import { statusText } from "./status/print.ts";
import { type Place, readStatus } from "./status/read.ts";

interface StatusFlags {
  name?: string;
  kubeconfig?: string;
  output: string;
}

/**
 * `tandem status`: what runs of a cluster. Exit 0 where nothing is down, 79 where something is, 1 where no cluster is up;
 * json and yaml say that one, too.
 */
export function define(): Command {
  return new Command("status")
    .description(
      "Show what runs of the cluster (processes, nodes, pods by family, Gateways, load balancers, faults), what is down, and what to do next.",
    )
    .option("--name <cluster>", `the cluster of \`tandem up\` (default: ${DEFAULT_NAME})`)
    .option(
      "--kubeconfig <file>",
      "the cluster of this kubeconfig instead (default: $KUBECONFIG, where none is up)",
    )
    .option("-o, --output <format>", "table, wide, json or yaml", "table")
    .action(async (flags: StatusFlags) => {
      const output = parseOutput(flags.output);
      const now = Date.now();
      const place = placeOf(flags);
      if (place === undefined) {
        const name = flags.name ?? DEFAULT_NAME;
        if (output === "table" || output === "wide") throw notRunning(name);
        console.log(render(noCluster(name), output, () => ""));
        process.exitCode = EXIT.failed;
        return;
      }
      const status = await readStatus(place);
      console.log(render(status, output, (data, wide) => statusText(data, wide, now)));
      process.exitCode = status.ok ? EXIT.ok : EXIT.findings;
    });
}

/** Undefined where there is no cluster to look at. */
function placeOf({ name, kubeconfig }: StatusFlags): Place | undefined {
  if (kubeconfig !== undefined) return { kubeconfig, flag: "" };
  const wanted = name ?? DEFAULT_NAME;
  const cluster = findCluster(wanted);
  const flag = wanted === DEFAULT_NAME ? "" : ` --name ${wanted}`;
  if (cluster !== undefined)
    return { lab: { name: wanted, stateDir: cluster.stateDir }, kubeconfig: cluster.kubeconfig, flag };
  const isSaid = name === undefined && (process.env["KUBECONFIG"] ?? "") !== "";
  return isSaid ? { flag: "" } : undefined;
}

function noCluster(cluster: string): NotRunning {
  return { running: false, ok: false, cluster, others: runningClusters() };
}
