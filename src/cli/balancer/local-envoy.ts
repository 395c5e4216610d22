/** The one Envoy of a host that serves load balancers: started with the first Service, told all else over xDS. */
import { get } from "node:http";
import type { LocalProxy } from "../../balancer/local/index.ts";
import type { Family } from "../../ip/family.ts";
import { isLeftBehind } from "./envoy-files.ts";
import type { RunningEnvoy } from "./run-envoy.ts";

/** Where the Envoy's admin interface, statistics and readiness are, beside those of any Gateway on the same host. */
const BALANCER_PORTS = { admin: 19100, stats: 19101, ready: 19103 } as const;

/** Port numbers for all that {@link BALANCER_PORTS} names. */
export type EnvoyPorts = { readonly [name in keyof typeof BALANCER_PORTS]: number };

/** What the Envoy of a host is started with. */
export interface LocalEnvoyOptions {
  /** For the socket of xDS, the bootstrap and the id of the process. */
  readonly folder: string;
  /** An Envoy; undefined: found as everywhere. */
  readonly envoy?: string | undefined;
  /** The families that the host has. */
  readonly families: readonly Family[];
  readonly ports?: EnvoyPorts;
  readonly log: (line: string) => void;
}

/** The Envoy, and the end of it. */
export interface LocalEnvoy extends LocalProxy {
  readonly stopped: Promise<void>;
}

/**
 * The Envoy, which is started by the first model with a listener. One that a former process has left is taken over with
 * its connections: it gets its configuration from here then, and is started anew when it ends. When the signal aborts it
 * is let go.
 */
export function createLocalEnvoy(options: LocalEnvoyOptions, signal: AbortSignal): LocalEnvoy {
  const { families, ports = BALANCER_PORTS } = options;
  let running: Promise<RunningEnvoy> | undefined;
  const stopped = new Promise<void>((resolve) => {
    const end = () =>
      void (running ?? Promise.resolve(undefined)).then((it) => it?.stop()).then(resolve, resolve);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  /** What runs it is loaded when there is something to run. */
  const start = async (): Promise<RunningEnvoy> => {
    const { startEnvoy } = await import("./run-envoy.ts");
    const started = await startEnvoy(options, ports, signal);
    started.failed.catch(() => {
      running = undefined;
    });
    return started;
  };
  const clusters = clusterReader(families[0] === "IPv6" ? "::1" : "127.0.0.1", ports.admin);
  return {
    stopped,
    async apply(model) {
      const isIdle = model.listeners.length === 0 && running === undefined;
      if (isIdle && !isLeftBehind(options.folder)) return [];
      running ??= start();
      return (await running).apply(model);
    },
    unchecked: async (destinations) =>
      destinations.length === 0 ? [] : uncheckedOf(destinations, await clusters()),
  };
}

interface ClusterStatuses {
  readonly cluster_statuses?: readonly {
    readonly name?: string;
    readonly host_statuses?: readonly {
      readonly health_status?: {
        readonly failed_active_health_check?: boolean;
        readonly pending_active_hc?: boolean;
      };
    }[];
  }[];
}

/** Whether all hosts of a cluster have been asked, by its name. */
type Clusters = ReadonlyMap<string, boolean>;

/** Envoy tells of all clusters at once: Services that ask at the same time share an answer. */
const SHARED_MS = 250;

function clusterReader(host: string, port: number): () => Promise<Clusters> {
  let at = Number.NEGATIVE_INFINITY;
  let last: Promise<Clusters> | undefined;
  const read = async (): Promise<Clusters> => {
    const { cluster_statuses: all = [] } = JSON.parse(
      await ask(host, port, "/clusters?format=json"),
    ) as ClusterStatuses;
    return new Map(
      all.map(({ name = "", host_statuses: hosts = [] }) => [
        name,
        hosts.every(({ health_status }) => health_status?.pending_active_hc !== true),
      ]),
    );
  };
  return () => {
    if (last !== undefined && performance.now() - at < SHARED_MS) return last;
    at = performance.now();
    last = read();
    last.catch(() => {
      last = undefined;
    });
    return last;
  };
}

/** A cluster that warms up still is not listed; one that is may have hosts that were added since. */
function uncheckedOf(destinations: readonly string[], clusters: Clusters): string[] {
  return destinations.filter((name) => clusters.get(name) !== true);
}

function ask(host: string, port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, timeout: 5_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () => resolve(text));
    });
    request.on("timeout", () => request.destroy(new Error("Envoy's admin interface does not answer")));
    request.on("error", reject);
  });
}
