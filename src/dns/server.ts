/** The DNS server of a cluster: UDP and TCP on each address, answers from the traffic model. */
import { networkInterfaces } from "node:os";
import { canonicalAddress } from "../ip/address.ts";
import type { BalancerNames } from "./balancers.ts";
import { followModel } from "./desired.ts";
import { fullyQualified } from "./codec/name.ts";
import { type Listener, listenOn } from "./listeners.ts";
import { Responder } from "./responder.ts";
import type { Upstream } from "./upstream.ts";
import type { TrafficModel } from "../traffic/index.ts";

/** Where the server listens, and what it answers from. */
export interface DnsServerOptions {
  /** Where to listen; port 0 takes a free one. */
  readonly listen: readonly { readonly address: string; readonly port: number }[];
  /** The model, already filled: a server that answers before would deny names that exist. */
  readonly model: TrafficModel;
  /** The cluster's domain; `cluster.local` when not given. */
  readonly domain?: string;
  /** Where other names go; without it they are refused. The server closes it. */
  readonly upstream?: Upstream;
  /** Names of load balancers, which this server answers for besides. */
  readonly balancers?: BalancerNames;
  /** Ends the server. */
  readonly signal?: AbortSignal;
}

/** A running DNS server. */
export interface DnsServer {
  /** Where it listens, over UDP and TCP alike. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  /** Stops; resolves when all sockets are closed. */
  close(): Promise<void>;
}

/**
 * Starts a server; it answers when this resolves.
 * @throws UserError when an address or port cannot be had
 */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const { listen, model, signal, upstream, balancers } = options;
  signal?.throwIfAborted();
  const index = followModel(model);
  const domain = fullyQualified((options.domain ?? "cluster.local").toLowerCase());
  const responder = new Responder({
    index,
    domain,
    ...(upstream && { upstream }),
    ...(balancers && { balancers }),
    servers: addressesOf(listen),
  });
  const listeners: Listener[] = [];
  const close = async (): Promise<void> => {
    signal?.removeEventListener("abort", onAbort);
    index.stop();
    upstream?.close();
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  const onAbort = (): void => void close();
  try {
    for (const { address, port } of listen) listeners.push(await listenOn(address, port, responder));
  } catch (error) {
    await close();
    throw error;
  }
  signal?.addEventListener("abort", onAbort, { once: true });
  return { addresses: listeners.map(({ address, port }) => ({ address, port })), close };
}

const LOOPBACK = /^(127\.|::1$)/;
const LINK_LOCAL = /^(fe[89ab]|169\.254\.)/;

/** Where others may find the server: wildcards stand for all of the host's addresses, and loopback for none. */
function addressesOf(listen: DnsServerOptions["listen"]): string[] {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const addresses = listen.flatMap(({ address }) => {
    if (address !== "0.0.0.0" && address !== "::") return address;
    const family = address === "::" ? "IPv6" : "IPv4";
    return own.filter((one) => one.family === family).map((one) => one.address);
  });
  const texts = addresses.map((address) => canonicalAddress(address) ?? "");
  return texts.filter((text) => text !== "" && !LOOPBACK.test(text) && !LINK_LOCAL.test(text));
}
