import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { formatColumns } from "../diagnosis/index.ts";
import { DUMP_KINDS, type DumpKind, type EnvoyDump, objectOr, parseDump } from "../envoy/current/dump.ts";
import { readClusterName } from "../envoy/current/cluster-name.ts";
import { withJsonNames } from "../envoy/current/json-names.ts";
import { withOutliers } from "../envoy/current/outliers.ts";
import { COLUMNS, ROWS, type ShownRow } from "../envoy/current/rows.ts";
import { closest } from "../errors/closest.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { kubeconfigFor } from "./cluster.ts";
import { askEnvoy, CLUSTERS_PATH, dumpOf } from "./envoy-admin.ts";
import { findEnvoyPod, TARGETS } from "./envoy-pods.ts";
import { readInput } from "./input.ts";
import { type Output, parseOutput, render } from "./output.ts";
import { type FilterFlags, isWanted, parseFilter, type RowFilter, usage } from "./proxy-config-filter.ts";

interface ProxyConfigFlags extends FilterFlags {
  clusterName?: string;
  kubeconfig?: string;
  namespace: string;
  output: string;
  file?: string;
}

const KINDS = [...DUMP_KINDS, "bootstrap", "all"] as const;

/** As istioctl's users shorten them. */
const SHORT: Readonly<Record<string, (typeof KINDS)[number]>> = {
  l: "listeners",
  c: "clusters",
  ep: "endpoints",
  eds: "endpoints",
  r: "routes",
  s: "secrets",
  b: "bootstrap",
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
    .option(
      "-f, --file <dump>",
      "read an Envoy's config_dump?include_eds from a file, or - for standard input, instead of a target",
    )
    .option("--name <name>", "only what has this name, as the first column has it or as Envoy does")
    .option("--port <port>", "only what has this port: a Service's, or that of its endpoints")
    .option("--address <address>", "only listeners, endpoints and routes with this address, of either family")
    .option("--cluster <cluster>", "only endpoints of, and what leads to, this cluster")
    .option("--fqdn <host>", "the same, of clusters whose host has this in it")
    .option("--subset <subset>", "the same, of clusters of this subset")
    .option("--direction <direction>", "the same, of clusters that are inbound or outbound")
    .option("--type <type>", "only listeners for HTTP, TCP or UDP, or clusters of this type")
    .option("--status <status>", "only endpoints of this health, such as HEALTHY")
    .option("-o, --output <format>", "table (or short), wide, json or yaml", "table")
    .action(async (word: string, target: string | undefined, flags: ProxyConfigFlags) => {
      const kind = parseKind(word);
      const kinds = kind === "all" ? DUMP_KINDS : kind === "bootstrap" ? [] : [kind];
      const output = flags.output === "short" ? "table" : parseOutput(flags.output);
      const filter = parseFilter(flags, kinds);
      const dump = await readDump(target, flags, kinds);
      console.log(kind === "bootstrap" ? bootstrapText(dump, output) : show(dump, kinds, filter, output));
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
  const { kubeconfig, clusterName } = flags;
  const client = new KubeClient(
    await loadKubeconfig(kubeconfigFor(kubeconfig, clusterName, process.env, "--cluster-name")),
  );
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

function textOf(file: string): Promise<string> {
  return readInput(file, {
    what: "cannot read the dump",
    where: `flag --file, value ${JSON.stringify(file)}`,
    next: "it is what Envoy answers to /config_dump?include_eds; - is the standard input",
  });
}

function parseKind(text: string): (typeof KINDS)[number] {
  const word = SHORT[text] ?? text;
  const kind = KINDS.find((known) => known === word || known === `${word}s`);
  if (kind !== undefined) return kind;
  if (text === "log" || text === "logs")
    throw usage(
      `argument ${JSON.stringify(text)}`,
      "the levels of an Envoy's log are set at Envoy itself",
      "kubectl port-forward POD 15000 (proxies of Gateways: 19000), then curl -X POST 'localhost:15000/logging?level=debug'",
    );
  const meant = closest(text, KINDS) ?? "routes";
  throw usage(
    `argument ${JSON.stringify(text)}`,
    `the kinds are ${KINDS.join(", ")}`,
    `for example tandem proxy-config ${meant} deploy/NAME`,
  );
}

/** What an Envoy started with, in JSON where nothing else is asked for. @throws UserError where a dump does not have it */
function bootstrapText({ bootstrap }: EnvoyDump, output: Output): string {
  if (bootstrap !== undefined) {
    // hundreds of lines that are the same for every Envoy of a version
    const { extensions, ...node } = objectOr(bootstrap["node"]);
    const shown = output === "table" && extensions !== undefined ? { ...bootstrap, node } : bootstrap;
    return render(withJsonNames("bootstrap", shown), output === "yaml" ? output : "json", String);
  }
  throw new UserError({
    what: "cannot show the proxy's configuration",
    where: "flag --file",
    why: "this dump does not have the configuration that Envoy started with",
    next: "give all of what Envoy answers to /config_dump",
    exitCode: EXIT.badInput,
  });
}

/** The text for a dump: tables of rows, or the resources as Envoy has them. */
export function show(dump: EnvoyDump, kinds: readonly DumpKind[], filter: RowFilter, output: Output): string {
  const now = Date.now();
  const found = kinds.map((kind) => {
    const resources = dump[kind].map((dumped) => ({
      dumped,
      rows: ROWS[kind](dumped, now).filter((row) => isWanted(row, filter)),
    }));
    return {
      kind,
      kept: sorted(
        kind,
        resources.filter(({ rows }) => rows.length > 0),
      ),
    };
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

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** Envoy tells of things in the order of its hash tables. */
function sorted<T extends { readonly rows: readonly ShownRow[] }>(kind: DumpKind, found: readonly T[]): T[] {
  const keyed = found.map((resource) => ({ resource, key: orderOf(kind, resource.rows[0]) }));
  return keyed.sort((a, b) => COLLATOR.compare(a.key, b.key)).map(({ resource }) => resource);
}

/** Listeners by their port; what is of a cluster by the cluster's host, then its port. */
function orderOf(kind: DumpKind, row: ShownRow | undefined): string {
  const { name = "", ports: [port = ""] = [] } = row ?? {};
  if (kind === "listeners") return `${port} ${name}`;
  const { host, port: called = "", subset } = readClusterName(name);
  return `${host} ${called} ${subset}`;
}

function table(kind: DumpKind, rows: readonly ShownRow[], wide: boolean): string {
  const { cells, wide: more } = COLUMNS[kind];
  if (rows.length === 0) return `No ${kind} found.`;
  return formatColumns([
    wide ? [...cells, ...more] : cells,
    ...rows.map((row) => (wide ? [...row.cells, ...row.wide] : row.cells)),
  ]);
}
