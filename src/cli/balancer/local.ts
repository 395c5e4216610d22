/** Joins the rooms into the local provider: pools and Secrets from the API, Envoy over xDS, addresses on this host. */
import { existsSync, watch } from "node:fs";
import { join } from "node:path";
import {
  type AddressPool,
  createHost,
  createLocalProvider,
  HOLD_MS,
  type KeyPair,
  type LocalProvider,
  parseRange,
  whyNoRange,
} from "../../balancer/local/index.ts";
import { Informer, type KubeClient } from "../../client/index.ts";
import { installDefinitions } from "../gateway/definitions.ts";
import { matchesSelector } from "../../controllers/runtime/labels.ts";
import { type Family, FAMILIES, mapFamilies } from "../../ip/family.ts";
import { BALANCER_KINDS, type LoadBalancerPool } from "../../objects/balancer/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Namespace, Secret, Service } from "../../objects/types.ts";
import type { BalancerSettings } from "./flags.ts";
import { type PoolCounts, writePoolStatuses } from "./pool-status.ts";
import { createLocalEnvoy, type LocalEnvoyOptions } from "./local-envoy.ts";

/** What the local provider of a host is started with. */
export interface LocalOptions {
  readonly client: KubeClient;
  /** A folder that outlives this process. */
  readonly folder: string;
  /** The interface for addresses whose pool names none; undefined: that of the default route. */
  readonly link?: string | undefined;
  readonly envoy?: string | undefined;
  readonly ports?: LocalEnvoyOptions["ports"];
  /** To plan and to look for orphans beside a process that serves. */
  readonly readOnly?: boolean;
  /** One of several hosts that take over from each other: addresses end with the process, after so many seconds. */
  readonly lifetime?: number | undefined;
  readonly log: (line: string) => void;
}

/** The provider, and what resolves when its Envoy has ended after the signal, and addresses with a lifetime are gone. */
export interface RunningLocal {
  readonly provider: LocalProvider;
  readonly stopped: Promise<void>;
}

/**
 * Prepares the local provider of this host: resolves when pools and Services are known. The definition of
 * LoadBalancerPool must be served by then.
 */
export async function startLocalProvider(options: LocalOptions, signal: AbortSignal): Promise<RunningLocal> {
  const { client, folder, log } = options;
  const onError = (error: unknown): void => {
    if (!signal.aborted) log(`watching: ${(error as Error).message}`);
  };
  const pools = new Informer<LoadBalancerPool>(client, BALANCER_KINDS.LoadBalancerPool, { onError });
  const services = new Informer<Service>(client, KINDS.Service, { onError });
  const namespaces = new Informer<Namespace>(client, KINDS.Namespace, { onError });
  await Promise.all([pools.start(signal), services.start(signal), namespaces.start(signal)]);
  const envoy = createLocalEnvoy(
    { ...options, folder: join(folder, "envoy"), families: hostFamilies() },
    signal,
  );
  const changed = (name: string): void => void provider.certificateChanged(name).catch(onError);
  const secrets = new Secrets(client, signal, onError, changed);
  const addresses = join(folder, "addresses");
  const accepts = (pool: LoadBalancerPool, key: string): boolean => {
    const { serviceSelector, namespaceSelector } = pool.spec;
    const [namespace = ""] = key.split("/");
    return (
      (serviceSelector === undefined ||
        matchesSelector(serviceSelector, services.get(key)?.metadata.labels)) &&
      (namespaceSelector === undefined ||
        matchesSelector(namespaceSelector, namespaces.get(namespace)?.metadata.labels))
    );
  };
  const write = (counts: PoolCounts) => writePoolStatuses(client, pools.list(), counts).catch(onError);
  const writePools = options.readOnly ? (): void => {} : latest(write);
  const host = createHost({ folder: addresses, link: options.link, lifetime: options.lifetime, signal });
  const provider = createLocalProvider({
    proxy: envoy,
    host,
    pools: () => pools.list().map((pool) => poolOf(pool, (key) => accepts(pool, key))),
    linkOf: (name) => pools.get(name)?.spec.announce?.interface,
    certificates: (names) => secrets.pairs(names),
    known: services.list().flatMap(heldBy),
    onCounts: (counts) => writePools(counts),
  });
  if (!options.readOnly) {
    followRemovals(provider, addresses, log, signal);
    pools.onChange(() => writePools(provider.counts()));
    writePools(provider.counts());
    const settle = () => void provider.settle().catch((error: Error) => log(error.message));
    const timer = setTimeout(settle, HOLD_MS);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }
  return { provider, stopped: Promise.all([envoy.stopped, host.ended]).then(() => {}) };
}

/** Does work for the latest value, one after the other: what comes meanwhile waits, and only the last of it. */
function latest<T>(work: (value: T) => Promise<void>): (value: T) => void {
  let waiting: { readonly value: T } | undefined;
  let isWorking = false;
  const all = async (): Promise<void> => {
    isWorking = true;
    for (let next = waiting; next !== undefined; next = waiting) {
      waiting = undefined;
      await work(next.value);
    }
    isWorking = false;
  };
  return (value) => {
    waiting = { value };
    if (!isWorking) void all();
  };
}

/** Less than a Lease's duration (src/client/leader.ts): the addresses are gone before the next leader has them. */
const LIFETIME_S = 10;

type OpenLocalOptions = Pick<LocalOptions, "client" | "readOnly" | "log"> & {
  readonly elected?: boolean | undefined;
};

/** The local provider as `tandem balancer` opens it; the definitions of its kinds are installed where they are missing. */
export async function openLocal(
  settings: BalancerSettings,
  { elected = false, ...options }: OpenLocalOptions,
  signal: AbortSignal,
): Promise<RunningLocal> {
  await installDefinitions(options.client);
  const { stateDir: folder, interface: link, envoy } = settings;
  const lifetime = elected ? LIFETIME_S : undefined;
  return startLocalProvider({ ...options, folder, link, envoy, lifetime }, signal);
}

/** The families that sockets can be made of here. */
export function hostFamilies(): Family[] {
  return FAMILIES.filter((family) => family === "IPv4" || existsSync("/proc/net/if_inet6"));
}

/** What a Service has of a balancer like this one. */
function heldBy(service: Service): { key: string; addresses: string[] }[] {
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const addresses = ingress.flatMap(({ ip, ipMode }) => (ip !== undefined && ipMode === "Proxy" ? [ip] : []));
  return addresses.length === 0 ? [] : [{ key: objectKey(service), addresses }];
}

function poolOf({ metadata, spec }: LoadBalancerPool, accepts: AddressPool["accepts"]): AddressPool {
  const ranges = mapFamilies(spec.ranges, (texts, family) =>
    texts.filter((text) => whyNoRange(text, family) === undefined).flatMap((text) => parseRange(text) ?? []),
  );
  const { autoAssign = true, avoidBuggyIPs = false } = spec;
  return { name: metadata.name, ranges, autoAssign, avoidBuggyIPs, accepts };
}

/** Another process (`tandem balancer orphans --delete`) has cleaned up after a Service: its listeners go, too. */
function followRemovals(
  provider: LocalProvider,
  folder: string,
  log: (line: string) => void,
  signal: AbortSignal,
): void {
  const watcher = watch(folder, { signal, persistent: false }, (event, name) => {
    if (event !== "rename" || name === null || !name.endsWith(".json") || existsSync(join(folder, name)))
      return;
    const address = name.replace(/\.json$/, "").replaceAll("-", ":");
    const [service] = [...provider.served()].find(([, addresses]) => addresses.includes(address)) ?? [];
    if (service === undefined) return;
    log(`address ${address} of Service ${service} was removed from outside; its listeners go as well`);
    void provider.forget(service).catch((error: Error) => log(error.message));
  });
  watcher.on("error", () => {});
}

/** Certificates by `namespace/name`; a Secret is read when a Service first names it, and followed from then on. */
class Secrets {
  readonly #informers = new Map<string, Promise<Informer<Secret>>>();
  readonly #client: KubeClient;
  readonly #signal: AbortSignal;
  readonly #onError: (error: unknown) => void;
  readonly #onChange: (name: string) => void;

  constructor(
    client: KubeClient,
    signal: AbortSignal,
    onError: (error: unknown) => void,
    onChange: (name: string) => void,
  ) {
    this.#client = client;
    this.#signal = signal;
    this.#onError = onError;
    this.#onChange = onChange;
  }

  async pairs(names: readonly string[]): Promise<Map<string, KeyPair>> {
    const pairs = new Map<string, KeyPair>();
    for (const name of names) {
      const pair = pairOf((await this.#follow(name)).get(name));
      if (pair !== undefined) pairs.set(name, pair);
    }
    return pairs;
  }

  #follow(name: string): Promise<Informer<Secret>> {
    const known = this.#informers.get(name) ?? this.#start(name);
    this.#informers.set(name, known);
    return known;
  }

  async #start(name: string): Promise<Informer<Secret>> {
    const [namespace = "", secret = ""] = name.split("/");
    const informer = new Informer<Secret>(this.#client, KINDS.Secret, {
      namespace,
      fieldSelector: `metadata.name=${secret}`,
      onError: this.#onError,
    });
    await informer.start(this.#signal);
    informer.onChange(() => this.#onChange(name));
    return informer;
  }
}

function pairOf(secret: Secret | undefined): KeyPair | undefined {
  const text = (key: string) => Buffer.from(secret?.data?.[key] ?? "", "base64").toString();
  const [certificate, privateKey] = [text("tls.crt"), text("tls.key")];
  return certificate !== "" && privateKey !== "" ? { certificate, privateKey } : undefined;
}
