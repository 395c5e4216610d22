/** Keeps each Gateway's infrastructure as it has to be, and tells by which addresses the Gateway can be reached. */
import type { KubeClient } from "../../client/index.ts";
import { sameValue } from "../runtime/equal.ts";
import { WorkQueue } from "../runtime/work-queue.ts";
import type { Reachability } from "./addresses.ts";
import type { CertificateOptions } from "./certificates.ts";
import type { InfrastructureRequest, ProxyContainer } from "./desired.ts";
import { InfrastructureCache } from "./infrastructure-cache.ts";
import { ensureInfrastructure, leads, removeInfrastructure, UNREACHABLE } from "./infrastructure-objects.ts";
import { Settling } from "./settling.ts";

/** How a Gateway's infrastructure is doing. */
export interface InfrastructureState extends Reachability {
  /** Proxies that are ready. */
  readonly readyProxies: number;
  /** Why it cannot be made, for example because somebody else has an object of the name. */
  readonly problem?: string;
}

/** What making the infrastructure of Gateways needs. */
export interface InfrastructureOptions extends CertificateOptions {
  readonly client: KubeClient;
  /** How the proxy of a Gateway is run. */
  readonly container: (request: InfrastructureRequest) => ProxyContainer;
  readonly onState: (key: string, state: InfrastructureState) => void;
  /** Whether this process writes now; while it does not, it only tells of what is there. Always, unless given. */
  readonly leads?: () => boolean;
  readonly log?: (line: string) => void;
}

/** The infrastructure of all Gateways. */
export interface GatewayInfrastructure {
  /** Says what a Gateway (`namespace/name`) needs from now on; undefined: it is gone, or no longer ours. */
  set(key: string, request: InfrastructureRequest | undefined): void;
  /** What was last told of a Gateway. */
  state(key: string): InfrastructureState | undefined;
  /** Has everything looked at again, as when this process begins to write. */
  look(): void;
  /** Resolves when all work has ended after the signal's abort. */
  readonly stopped: Promise<void>;
}

/** Certificates are looked at so often, in milliseconds. */
const RENEWAL_PERIOD = 6 * 3600_000;

/** Starts to look after infrastructure, until the signal aborts; resolves once it knows what is there already. */
export async function startGatewayInfrastructure(
  options: InfrastructureOptions,
  signal: AbortSignal,
): Promise<GatewayInfrastructure> {
  const caches = new InfrastructureCache(options, signal);
  const requests = new Map<string, InfrastructureRequest>();
  const states = new Map<string, InfrastructureState>();
  const leaving = new Map<string, string>();
  const settled = new Settling((key) => queue.add(key), signal);
  const tell = (key: string, state: InfrastructureState): void => {
    if (sameValue(states.get(key), state)) return;
    states.set(key, state);
    options.onState(key, state);
  };
  const work = async (key: string): Promise<void> => {
    if (leads(options)) await removeInfrastructure(options.client, caches, key, leaving);
    const request = requests.get(key);
    if (request === undefined) return;
    const state = await ensureInfrastructure(options, caches, request);
    if (settled.has(key, state, request)) tell(key, state);
  };
  const onFailure = (key: string, error: unknown): void => {
    options.log?.(`infrastructure of Gateway ${key}: ${(error as Error).message}`);
    if (requests.has(key)) tell(key, { ...UNREACHABLE, problem: (error as Error).message });
  };
  const queue = new WorkQueue({ name: "gateway-infrastructure", maxRetries: 1e6, onFailure }, work);
  caches.onChange((key) => requests.has(key) && queue.add(key));
  await caches.start(signal);
  queue.start();
  const renewal = setInterval(() => {
    for (const key of requests.keys()) queue.add(key);
  }, RENEWAL_PERIOD);
  return {
    set(key, request) {
      const before = requests.get(key)?.gateway.metadata.uid;
      if (before === undefined && request === undefined) return;
      if (before !== undefined && before !== request?.gateway.metadata.uid) {
        states.delete(key);
        settled.forget(key);
        leaving.set(key, before);
      }
      if (request === undefined) requests.delete(key);
      else requests.set(key, request);
      // back before anybody took its infrastructure away
      if (leaving.get(key) === request?.gateway.metadata.uid) leaving.delete(key);
      queue.add(key);
    },
    state: (key) => states.get(key),
    look() {
      for (const key of [...requests.keys(), ...leaving.keys()]) queue.add(key);
    },
    stopped: ended(signal).then(async () => {
      clearInterval(renewal);
      await queue.stop();
    }),
  };
}

function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
