import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { formatColumns } from "../diagnosis/index.ts";
import { DUMP_KINDS, type DumpKind, type EnvoyDump, parseDump } from "../envoy/current/dump.ts";
import { withJsonNames } from "../envoy/current/json-names.ts";
import { withOutliers } from "../envoy/current/outliers.ts";
import { COLUMNS, ROWS, type ShownRow } from "../envoy/current/rows.ts";
import { closest } from "../errors/closest.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { kubeconfigFor } from "./cluster.ts";
import { askEnvoy, CLUSTERS_PATH, dumpOf } from "./envoy-admin.ts";
import { findEnvoyPod, TARGETS } from "./envoy-pods.ts";
import { type Output, parseOutput, render } from "./output.ts";

interface ProxyConfigFlags {
  clusterName?: string;
  kubeconfig?: string;
  namespace: string;
  output: string;
  file?: string;
  name?: string;
  port?: string;
  cluster?: string;
}

/** Which rows are asked for; all that are given must hold. */
export interface RowFilter {
  readonly name?: string;
  readonly port?: number;
  readonly cluster?: string;
}

const KINDS = [...DUMP_KINDS, "all"] as const;

/** As istioctl's users shorten them. */
const SHORT: Readonly<Record<string, (typeof KINDS)[number]>> = {
  l: "listeners",
  c: "clusters",
  ep: "endpoints",
  r: "routes",
  s: "secrets",
  a: "all",
};

/** `tandem proxy-config KIND TARGET`: what an Envoy really has, from Envoy. */
export function define(): Command {
  return new Command("proxy-config")
    .alias("pc")
    .description("Show what an Envoy has: read from Envoy itself, with all addresses of both families.")
    .argument("<kind>", `${KINDS.join(", ")}; short: ${Object.keys(SHORT).join(", ")}`)
    .argument("[target]", TARGETS)
    .option("--cluster-name <cluster>", "the cluster of `tandem up` (default: tandem)")
    .option(
      "--kubeconfig <file>",
      "the cluster of this kubeconfig instead (default: $KUBECONFIG, where none is up)",
    )
    .option("-n, --namespace <namespace>", "the target's namespace", "default")
    .option("-f, --file <dump>", "read an Envoy's config_dump?include_eds from a file instead of a target")
    .option("--name <name>", "only what has this name, as the first column has it or as Envoy does")
    .option("--port <port>", "only what has this port")
    .option("--cluster <cluster>", "only endpoints of, and what leads to, this cluster")
    .option("-o, --output <format>", "table, wide, json or yaml", "table")
    .action(async (kind: string, target: string | undefined, flags: ProxyConfigFlags) => {
      const kinds = parseKind(kind);
      const output = parseOutput(flags.output);
      const filter = parseFilter(flags);
      console.log(show(await readDump(target, flags, kinds), kinds, filter, output));
    });
}

/** Reads the flag's dump, or asks the target's Envoy; what endpoints' health checks say is not in dumps. */
async function readDump(
  target: string | undefined,
  flags: ProxyConfigFlags,
  kinds: readonly DumpKind[],
): Promise<EnvoyDump> {
  if (flags.file !== undefined) return parseDump(await textOf(flags.file), `file ${flags.file}`);
  if (target === undefined)
    throw usage("<target>", "it is missing", "name a pod, gateway/NAME or deploy/NAME, or give --file");
  const client = new KubeClient(await loadKubeconfig(kubeconfigFor(flags.kubeconfig, flags.clusterName)));
  try {
    const pod = await findEnvoyPod(client, target, flags.namespace);
    const dump = await dumpOf(client, pod);
    return kinds.includes("endpoints")
      ? withOutliers(dump, await askEnvoy(client, pod, CLUSTERS_PATH))
      : dump;
  } finally {
    client.close();
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const why = (cause as Error).message;
    throw new UserError({
      what: "cannot read the dump",
      where: `flag --file, value ${JSON.stringify(file)}`,
      why,
      next: "it is what Envoy answers to /config_dump?include_eds",
      exitCode: EXIT.badInput,
      cause,
    });
  }
}

function parseKind(text: string): readonly DumpKind[] {
  const word = SHORT[text] ?? text;
  if (word === "all") return DUMP_KINDS;
  const kind = DUMP_KINDS.find((known) => known === word || known === `${word}s`);
  if (kind !== undefined) return [kind];
  const meant = closest(text, KINDS) ?? "routes";
  throw usage(
    `argument ${JSON.stringify(text)}`,
    `the kinds are ${KINDS.join(", ")}`,
    `for example tandem proxy-config ${meant} deploy/NAME`,
  );
}

function parseFilter({ name, port, cluster }: ProxyConfigFlags): RowFilter {
  const number = port === undefined ? undefined : Number(port);
  if (number !== undefined && !(Number.isInteger(number) && number > 0 && number < 65536))
    throw usage(
      `flag --port, value ${JSON.stringify(port)}`,
      "it must be a port, 1 to 65535",
      "for example --port 80",
    );
  return {
    ...(name !== undefined && { name }),
    ...(number !== undefined && { port: number }),
    ...(cluster !== undefined && { cluster }),
  };
}

function usage(where: string, why: string, next: string): UserError {
  return new UserError({
    what: "cannot show the proxy's configuration",
    where,
    why,
    next,
    exitCode: EXIT.usage,
  });
}

/** The text for a dump: tables of rows, or the resources as Envoy has them. */
export function show(dump: EnvoyDump, kinds: readonly DumpKind[], filter: RowFilter, output: Output): string {
  const now = Date.now();
  const found = kinds.map((kind) => {
    const resources = dump[kind].map((dumped) => ({ dumped, rows: wanted(ROWS[kind](dumped, now), filter) }));
    return { kind, kept: resources.filter(({ rows }) => rows.length > 0) };
  });
  const json = () => {
    const data = found.map(
      ({ kind, kept }) =>
        [kind, kept.map(({ dumped }) => withJsonNames(kind, dumped.resource ?? {}))] as const,
    );
    return kinds.length === 1 ? data[0]?.[1] : Object.fromEntries(data);
  };
  const raw = output === "json" || output === "yaml" ? json() : undefined;
  return render(raw, output, (_, wide) =>
    found
      .map(({ kind, kept }) =>
        table(
          kind,
          kept.flatMap(({ rows }) => rows),
          wide,
        ),
      )
      .join("\n\n"),
  );
}

function wanted(rows: readonly ShownRow[], { name, port, cluster }: RowFilter): ShownRow[] {
  return rows.filter(
    (row) =>
      (name === undefined || row.name === name || row.cells[0] === name) &&
      (port === undefined || row.ports.includes(port)) &&
      (cluster === undefined || row.clusters.includes(cluster)),
  );
}

function table(kind: DumpKind, rows: readonly ShownRow[], wide: boolean): string {
  const { cells, wide: more } = COLUMNS[kind];
  if (rows.length === 0) return `No ${kind} found.`;
  return formatColumns([
    wide ? [...cells, ...more] : cells,
    ...rows.map((row) => (wide ? [...row.cells, ...row.wide] : row.cells)),
  ]);
}
