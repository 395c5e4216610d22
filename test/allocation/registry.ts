import {
  createService,
  DEFAULT_NODE_PORTS,
  deleteService,
  type Ledger,
  readDefaults,
  type ServiceNetwork,
  type ServiceWrite,
  updateService,
  type WriteOptions,
} from "../../src/allocation/index.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { ApiError } from "../../src/objects/status.ts";
import type { IPAddress, Service, ServiceCIDR } from "../../src/objects/types.ts";

/** A ledger in memory. */
export class MemoryLedger implements Ledger {
  readonly addresses = new Map<string, IPAddress>();
  readonly ports = new Set<number>();
  cidrs: ServiceCIDR[];

  constructor(cidrs: ServiceCIDR[]) {
    this.cidrs = cidrs;
  }

  hasAddress(name: string): boolean {
    return this.addresses.has(name);
  }

  addAddress(address: IPAddress): void {
    if (this.addresses.has(address.metadata.name))
      throw new Error(`${address.metadata.name} is given out twice`);
    this.addresses.set(address.metadata.name, address);
  }

  removeAddress(name: string): void {
    this.addresses.delete(name);
  }

  hasNodePort(port: number): boolean {
    return this.ports.has(port);
  }

  addNodePort(port: number): void {
    if (this.ports.has(port)) throw new Error(`port ${port} is given out twice`);
    this.ports.add(port);
  }

  removeNodePort(port: number): void {
    this.ports.delete(port);
  }

  serviceCidrs(): readonly ServiceCIDR[] {
    return this.cidrs;
  }
}

/** A ServiceCIDR without status, which counts as ready. */
export function serviceCidr(name: string, ...cidrs: string[]): ServiceCIDR {
  return { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name }, spec: { cidrs } };
}

/** A network whose families are those of the ranges, in their order. */
export function networkOf(...cidrs: string[]): ServiceNetwork {
  const families = cidrs.map((text) => parseCidr(text)?.family ?? "IPv4");
  return { families: families as unknown as ServiceNetwork["families"], nodePorts: DEFAULT_NODE_PORTS };
}

/** What a request is answered with: an object, or the Status of an ApiError. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the body is compared with recorded JSON
  readonly body: any;
  readonly warnings: readonly string[];
}

/** The smallest API server: Services of one namespace, kept as deeply frozen objects. */
export class Registry {
  readonly ledger: MemoryLedger;
  readonly network: ServiceNetwork;
  readonly services = new Map<string, Service>();

  constructor(...cidrs: string[]) {
    this.ledger = new MemoryLedger([serviceCidr("kubernetes", ...cidrs)]);
    this.network = networkOf(...cidrs);
  }

  create(name: string, spec: object, options?: WriteOptions): Answer {
    const service = fresh({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "default" },
      spec,
    });
    return this.#write(201, () => createService(this.ledger, this.network, service, options), options);
  }

  update(name: string, body: object, options?: WriteOptions): Answer {
    const stored = this.#stored(name);
    const write = () => updateService(this.ledger, this.network, fresh(body), stored, options);
    return this.#write(200, write, options);
  }

  patch(name: string, patch: object, options?: WriteOptions): Answer {
    const current = readDefaults(this.network, this.#stored(name));
    return this.update(name, mergePatch(structuredClone(current), patch) as object, options);
  }

  remove(name: string): void {
    const stored = this.#stored(name);
    this.services.delete(name);
    deleteService(this.ledger, this.network, stored);
  }

  #stored(name: string): Service {
    const stored = this.services.get(name);
    if (stored === undefined) throw new Error(`no Service ${name}`);
    return stored;
  }

  #write(status: number, write: () => ServiceWrite, options?: WriteOptions): Answer {
    try {
      const { service, warnings } = write();
      if (!options?.dryRun) this.services.set(service.metadata.name, deepFreeze(structuredClone(service)));
      return { status, body: structuredClone(service), warnings };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: error.code, body: error.status, warnings: [] };
    }
  }
}

/** What decoding leaves of a body: no nulls. */
function fresh(body: object): Service {
  return dropNulls(structuredClone(body)) as Service;
}

function dropNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropNulls);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(entries.map(([key, item]) => [key, dropNulls(item)]));
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    target !== null && typeof target === "object" && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === "object") {
    for (const item of Object.values(value)) deepFreeze(item);
    Object.freeze(value);
  }
  return value;
}
