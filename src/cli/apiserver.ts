import { networkInterfaces } from "node:os";
import { setFlagsFromString } from "node:v8";
import { Command, Option } from "commander";
import { judge } from "../allocation/flags/index.ts";
import { parsePortRange } from "../allocation/flags/values.ts";
import { type ApiServer, type Listener, startApiServer } from "../apiserver/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import type { Cidr } from "../ip/cidr.ts";
import { cidrsOverlap, formatCidr } from "../ip/cidr.ts";
import { parseCidrAsGo } from "../objects/ip-text.ts";

interface Flags {
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: string;
  readonly securePort: string;
  readonly dataDir: string;
  readonly bindAddress?: string;
  readonly advertiseAddress?: string;
  readonly storage: "memory" | "lmdb";
  readonly tokenAuthFile?: string;
}

/** `tandem apiserver`: the API server alone. */
export function define(): Command {
  return new Command("apiserver")
    .description("Run the API server alone; writes DIR/kubeconfig and serves until it is told to stop")
    .requiredOption("--data-dir <dir>", "where objects, certificates, token and kubeconfig are kept")
    .option(
      "--service-cluster-ip-range <cidrs>",
      "one or two ranges for cluster IPs; the first one's family is the primary",
      "10.96.0.0/16,fd00:10:96::/112",
    )
    .option("--service-node-port-range <range>", "ports of NodePort Services", "30000-32767")
    .option("--secure-port <port>", "the port to serve HTTPS on; 0 takes a free one", "6443")
    .option("--bind-address <ip>", "the address to serve on (default: loopback of both families)")
    .option("--advertise-address <ip>", "the address that the Service default/kubernetes leads to")
    .addOption(
      new Option("--storage <kind>", "where objects live").choices(["lmdb", "memory"]).default("lmdb"),
    )
    .option("--token-auth-file <file>", 'more bearer tokens, as CSV: token,user,uid,"group,group"')
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  // a young generation that stays small: a third less memory under load, at no measurable cost
  setFlagsFromString("--semi-space-growth-factor=1");
  checkAsComponent(flags);
  const ranges = rangesOf(flags.serviceClusterIpRange);
  const [first, last] = parsePorts(flags.serviceNodePortRange);
  const advertised = flags.advertiseAddress ?? hostAddress(ranges[0]!.family);
  const port = portOf(flags.securePort);
  const server = await startApiServer({
    dataDir: flags.dataDir,
    storage: flags.storage,
    serviceClusterIPRanges: ranges,
    nodePortRange: { first, last },
    listeners: listenersOf(flags.bindAddress, port),
    advertiseAddresses: advertised === undefined ? [] : [advertised],
    ...(port === 0 ? {} : { advertisePort: port }),
    extraSans: [
      ...new Set(
        [flags.advertiseAddress, flags.bindAddress].filter((ip) => ip !== undefined && !isUnspecified(ip)),
      ),
    ] as string[],
    ...(flags.tokenAuthFile === undefined ? {} : { tokenAuthFile: flags.tokenAuthFile }),
  });
  console.log(`serving on ${server.urls.join(" and ")}`);
  console.log(`next: export KUBECONFIG=${server.kubeconfigPath}`);
  await stopOnSignal(server);
}

/** Lets the real component's own rules speak first, in its words. */
function checkAsComponent(flags: Flags): void {
  const given = [
    `--service-cluster-ip-range=${flags.serviceClusterIpRange}`,
    `--service-node-port-range=${flags.serviceNodePortRange}`,
    ...(flags.advertiseAddress === undefined ? [] : [`--advertise-address=${flags.advertiseAddress}`]),
    ...(flags.bindAddress === undefined ? [] : [`--bind-address=${flags.bindAddress}`]),
  ];
  const verdict = judge("kube-apiserver", given);
  if (!verdict.accepted) throw badFlag(given.join(" "), verdict.error);
}

function rangesOf(text: string): Cidr[] {
  const ranges = text.split(",").map((part) => {
    const cidr = parseCidrAsGo(part)?.cidr;
    if (cidr === undefined)
      throw badFlag(`--service-cluster-ip-range=${text}`, `${JSON.stringify(part)} is no CIDR`);
    return cidr;
  });
  const [a, b] = ranges;
  if (a !== undefined && b !== undefined && cidrsOverlap(a, b)) {
    throw badFlag(`--service-cluster-ip-range=${text}`, `${formatCidr(a)} and ${formatCidr(b)} overlap`);
  }
  return ranges;
}

function parsePorts(text: string): [first: number, last: number] {
  const { base, size } = parsePortRange(text);
  if (size === 0) throw badFlag(`--service-node-port-range=${text}`, "it holds no port");
  return [base, base + size - 1];
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw badFlag(`--secure-port=${text}`, "a port is a number from 0 to 65535");
}

function badFlag(where: string, why: string): UserError {
  return new UserError({
    what: "cannot start the API server",
    where,
    why,
    next: "mend the flag; `tandem check flags kube-apiserver ...` explains what the real component says",
    exitCode: EXIT.badInput,
  });
}

function listenersOf(bindAddress: string | undefined, port: number): Listener[] {
  if (bindAddress !== undefined) return [{ host: bindAddress, port }];
  return [
    { host: "127.0.0.1", port, optional: true },
    { host: "::1", port, optional: true },
  ];
}

function isUnspecified(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** The first address of this machine in a family that others can reach it by. */
function hostAddress(family: "IPv4" | "IPv6"): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = all.filter(
    (entry) => !entry.internal && entry.family === family && !/^fe80:|%/i.test(entry.address),
  );
  return usable[0]?.address;
}

/** Serves until SIGTERM or SIGINT, then closes cleanly; a second signal ends the process at once. */
function stopOnSignal(server: ApiServer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      process.off("SIGTERM", stop);
      process.off("SIGINT", stop);
      server.close().then(resolve, reject);
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  });
}
