import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { ASCII, type Matrix, printMatrix, runMatrix, UNICODE } from "../diagnosis/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { kubeconfigOf } from "./cluster.ts";
import { FAMILY_READINESS_FLAG, readFamilyReadiness } from "./family-readiness.ts";
import { requireNamespace } from "./namespace.ts";
import { parseOutput, render } from "./output.ts";
import { supportsUnicode } from "./steps.ts";

interface MatrixFlags {
  name: string;
  kubeconfig?: string;
  namespace?: string;
  output: string;
  familyReadiness?: string;
}

const NO_NAMESPACE = { what: "cannot probe the Services", next: "kubectl get namespaces" };

/** `tandem matrix`: probes the running cluster again. Exit 0 where all works, 79 where something does not. */
export function define(): Command {
  return new Command("matrix")
    .description("Probe every Service over every family from pods of every kind, and print the table.")
    .option("--name <cluster>", "the cluster of `tandem up`", "tandem")
    .option("--kubeconfig <file>", "probe the cluster of this kubeconfig instead")
    .option("-n, --namespace <namespace>", "only Services of this namespace")
    .option("-o, --output <format>", "table, wide, json or yaml", "table")
    .option(...FAMILY_READINESS_FLAG)
    .action(async (flags: MatrixFlags) => {
      const output = parseOutput(flags.output);
      const client = new KubeClient(await loadKubeconfig(flags.kubeconfig ?? kubeconfigOf(flags.name)));
      try {
        if (flags.namespace !== undefined) await requireNamespace(client, flags.namespace, NO_NAMESPACE);
        const matrix = await runMatrix(client, {
          ...(flags.namespace !== undefined && { namespace: flags.namespace }),
          familyReadiness: readFamilyReadiness(flags.familyReadiness),
        });
        console.log(render(matrix, output, matrixTable));
        process.exitCode = matrix.ok ? EXIT.ok : EXIT.findings;
      } finally {
        client.close();
      }
    });
}

/** The matrix as a table, in symbols that the locale can show. */
export function matrixTable(matrix: Matrix, wide: boolean): string {
  return printMatrix(matrix, supportsUnicode() ? UNICODE : ASCII, wide);
}
