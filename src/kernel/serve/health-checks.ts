/**
 * The health-check node ports: for each Service of externalTrafficPolicy Local a port on the node, by which outside
 * load balancers learn whether this node has endpoints of it (kube-proxy's pkg/proxy/healthcheck/service_health.go).
 */
import type { ServerResponse } from "node:http";
import { networkInterfaces } from "node:os";
import type { Family } from "../../ip/family.ts";
import type { NodeFacts } from "../facts.ts";
import type { HealthCheck } from "../health.ts";
import { contains } from "../ranges.ts";
import { hostsOf, type Listening, listenOn } from "./listen.ts";
import { notFound, sendJson } from "./proxy-health.ts";

/** Answers as kube-proxy does, spaces included; the weight lets balancers spread by endpoints (KEP-5105). */
export function healthCheckAnswer(check: HealthCheck, proxyHealthy: boolean) {
  const { namespace, name, localEndpoints } = check;
  const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: proxyHealthy };
  return {
    code: localEndpoints > 0 && proxyHealthy ? 200 : 503,
    headers: { "X-Load-Balancing-Endpoint-Weight": String(localEndpoints) },
    body: JSON.stringify(body, null, "\t"),
  };
}

/**
 * Where health-check ports listen: on the unspecified address of each family of the node, or, in a family whose node
 * ports are limited to some networks, on the local addresses in them.
 */
export function healthCheckHosts(
  { families, nodePortAddresses }: NodeFacts,
  localAddresses: readonly string[],
): string[] {
  const wildcard = (family: Family) => hostsOf("0.0.0.0", [family]);
  return families.flatMap((family) => {
    const networks = nodePortAddresses?.[family];
    if (networks === undefined) return wildcard(family);
    return localAddresses.filter((address) => networks.some((network) => contains(network, address)));
  });
}

/** The addresses of this machine's links, in this process's network namespace; no link-local ones. */
function localAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ address, scopeid }) => !(scopeid && address.startsWith("fe80:")))
    .map(({ address }) => address);
}

/** What serving the health checks of Services needs. */
export interface HealthChecksOptions {
  readonly facts: () => NodeFacts;
  readonly proxyHealthy: () => boolean;
  /** Told when a port cannot be opened; it is tried again when its Service changes, and at every `retry`. */
  readonly onError: (error: Error) => void;
}

interface OpenPort {
  readonly port: number;
  /** The addresses that it is to listen on. */
  readonly hosts: string;
  readonly listening: Listening;
}

/** Keeps the ports open that Services have. Changes are carried out one after the other. */
export class HealthChecks {
  readonly #options: HealthChecksOptions;
  readonly #wanted = new Map<string, HealthCheck>();
  readonly #open = new Map<string, OpenPort>();
  #work: Promise<void> = Promise.resolve();

  constructor(options: HealthChecksOptions) {
    this.#options = options;
  }

  /** The health check of a frontend is this now; undefined: it has none. Settles when the port answers so. */
  set(key: string, check: HealthCheck | undefined): Promise<void> {
    if (check !== undefined) this.#wanted.set(key, check);
    else if (!this.#wanted.delete(key) && !this.#open.has(key)) return this.#work;
    this.#work = this.#work
      .then(() => this.#follow(key))
      .catch((error: Error) => this.#options.onError(error));
    return this.#work;
  }

  /** Opens what could not be opened before, and moves to other addresses where the node has others now. */
  retry(): Promise<void> {
    for (const [key, check] of this.#wanted) void this.set(key, check);
    return this.#work;
  }

  /** Closes all ports. */
  close(): Promise<void> {
    for (const key of [...this.#wanted.keys()]) void this.set(key, undefined);
    return this.#work;
  }

  #hosts(): string[] {
    const facts = this.#options.facts();
    return healthCheckHosts(facts, facts.nodePortAddresses ? localAddresses() : []);
  }

  /** Makes the port of a frontend what is wanted by now. */
  async #follow(key: string): Promise<void> {
    const port = this.#wanted.get(key)?.port;
    const hosts = port === undefined ? [] : this.#hosts();
    const open = this.#open.get(key);
    if (open !== undefined && open.port === port && open.hosts === hosts.join()) return;
    this.#open.delete(key);
    await open?.listening.close();
    if (port === undefined) return;
    const addresses = hosts.map((host) => ({ host, port }));
    const listening = await listenOn(addresses, (_, response) => this.#answer(key, response)).catch(
      (error: Error) => {
        const why = `Service ${key}: health-check node port ${port} cannot be opened: ${error.message}`;
        throw new Error(why, { cause: error });
      },
    );
    this.#open.set(key, { port, hosts: hosts.join(), listening });
  }

  #answer(key: string, response: ServerResponse): void {
    const check = this.#wanted.get(key);
    if (check === undefined) {
      notFound(response); // closing
      return;
    }
    const { code, headers, body } = healthCheckAnswer(check, this.#options.proxyHealthy());
    sendJson(response, code, body, headers);
  }
}
