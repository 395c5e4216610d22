import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import {
  createUpstream,
  dropSelf,
  parseResolvConf,
  parseResolver,
  type Resolver,
  resolverText,
  startDnsServer,
} from "../dns/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { FAMILY_READINESS_FLAG, readFamilyReadiness } from "./family-readiness.ts";
import { connectTrafficModel, reportOnce, untilStopped } from "./wiring.ts";
import { CLUSTER_DOMAIN_FLAG, collect } from "./flags.ts";

interface DnsFlags {
  kubeconfig?: string;
  bind: string[];
  port: string;
  clusterDomain: string;
  upstream: string[];
  familyReadiness?: string;
}

const RESOLV_CONF = "/etc/resolv.conf";

/** `tandem dns`: the cluster's DNS server alone, against any API server, until it is told to stop. */
export function define(): Command {
  return new Command("dns")
    .description("Serve the cluster's names over DNS: A, AAAA, SRV and PTR, as CoreDNS answers them.")
    .option("--kubeconfig <file>", "how to reach the API server (default: $KUBECONFIG, then ~/.kube/config)")
    .option(
      "--bind <address>",
      "address to listen on, of either family (repeatable; default 127.0.0.1)",
      collect,
      [],
    )
    .option("--port <port>", "UDP and TCP port to listen on; 0 picks a free one", "53")
    .option(...CLUSTER_DOMAIN_FLAG)
    .option(
      "--upstream <resolver>",
      `where other names go: address, address:port or [address]:port (repeatable), or none (default: ${RESOLV_CONF})`,
      collect,
      [],
    )
    .option(...FAMILY_READINESS_FLAG)
    .action(serve);
}

async function serve(flags: DnsFlags): Promise<void> {
  const listen = parseListen(flags);
  const domain = flags.clusterDomain;
  const resolvers = dropSelf(await resolversOf(flags.upstream), listen, localAddresses());
  const end = new AbortController();
  const signal = AbortSignal.any([untilStopped(), end.signal]);
  const client = new KubeClient(await loadKubeconfig(flags.kubeconfig));
  try {
    const model = await connectTrafficModel(client, signal, {
      onError: reportOnce("tandem dns: waiting for the API server"),
      familyReadiness: readFamilyReadiness(flags.familyReadiness),
    });
    const upstream = resolvers.length === 0 ? undefined : createUpstream({ resolvers });
    const server = await startDnsServer({ listen, model, domain, ...(upstream && { upstream }) });
    const places = server.addresses.map(resolverText).join(" and ");
    const others =
      resolvers.length === 0 ? "refused" : `resolved by ${resolvers.map(resolverText).join(", ")}`;
    console.log(`tandem dns: serving ${domain} on ${places} (UDP and TCP); other names are ${others}`);
    if (!signal.aborted) await once(signal, "abort");
    await server.close();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    end.abort();
    client.close();
  }
}

function wrongFlag(flag: string, value: string, why: string): UserError {
  return new UserError({
    what: "cannot serve DNS",
    where: `flag ${flag}, value ${JSON.stringify(value)}`,
    why,
    next: "tandem dns --help has each flag with its default",
    exitCode: EXIT.usage,
  });
}

function parseListen({ bind, port }: DnsFlags): { address: string; port: number }[] {
  const number = Number(port);
  if (!/^[0-9]+$/.test(port) || number > 65535)
    throw wrongFlag("--port", port, "a port is a number from 0 to 65535");
  const addresses = bind.length === 0 ? ["127.0.0.1"] : bind;
  for (const address of addresses) {
    if (isIP(address.replace(/%.*$/, "")) === 0) throw wrongFlag("--bind", address, "it is no IP address");
  }
  return addresses.map((address) => ({ address, port: number }));
}

async function resolversOf(flags: readonly string[]): Promise<Resolver[]> {
  if (flags.length === 0) return parseResolvConf(await readFile(RESOLV_CONF, "utf8").catch(() => ""));
  if (flags.length === 1 && flags[0] === "none") return [];
  return flags.map((flag) => {
    const resolver = parseResolver(flag);
    if (resolver === undefined) {
      throw wrongFlag("--upstream", flag, "a resolver is an IP address, with a port if it is not 53");
    }
    return resolver;
  });
}

function localAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((item) => item.address));
}
