/**
 * What the cluster's names mean: the traffic model's frontends, found by name and by address. A change of one frontend
 * costs work in proportion to that frontend.
 */
import { formatAddress, parseAddressAsGo } from "../ip/address.ts";
import { FAMILIES, type Family } from "../ip/family.ts";
import type { Backend, Frontend, TrafficModel } from "../traffic/index.ts";

/** One address that a name stands for, with the port that a SRV record names. */
export interface Target {
  readonly family: Family;
  readonly address: string;
  /** -1: the frontend has no ports, so there is no SRV record. */
  readonly port: number;
  /** The label below the frontend's own name, where the address is a backend's. */
  readonly endpoint?: string;
}

/** Limits a lookup to one endpoint, or to a port by name and protocol; undefined or empty: any. */
export interface Selection {
  readonly endpoint?: string;
  readonly port?: string;
  readonly protocol?: string;
}

const NO_PORT = -1;

/** The frontends and namespaces that DNS answers for. */
export class DnsIndex {
  readonly #namespaces: ReadonlySet<string>;
  readonly #frontends = new Map<string, Frontend>();
  /** Keys of frontends by their own address, and by the address of a ready backend. */
  readonly #byOwnAddress = new Map<string, Set<string>>();
  readonly #byBackendAddress = new Map<string, Set<string>>();

  /** @param namespaces those that exist, read at every question */
  constructor(namespaces: ReadonlySet<string>) {
    this.#namespaces = namespaces;
  }

  /** Adds a frontend, or takes its new state. */
  set(frontend: Frontend): void {
    this.delete(frontend.key);
    this.#frontends.set(frontend.key, frontend);
    for (const address of ownAddresses(frontend)) add(this.#byOwnAddress, address, frontend.key);
    for (const address of readyAddresses(frontend)) add(this.#byBackendAddress, address, frontend.key);
  }

  /** Forgets the frontend of a key, `namespace/name`. */
  delete(key: string): void {
    const frontend = this.#frontends.get(key);
    if (frontend === undefined) return;
    this.#frontends.delete(key);
    for (const address of ownAddresses(frontend)) remove(this.#byOwnAddress, address, key);
    for (const address of readyAddresses(frontend)) remove(this.#byBackendAddress, address, key);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }

  get(namespace: string, name: string): Frontend | undefined {
    return this.#frontends.get(`${namespace}/${name}`);
  }

  /** The frontend that has an address for its own, else the frontends that have it as a ready backend's. */
  byAddress(address: string): { owner?: Frontend; backendOf: Frontend[] } {
    const [owner] = this.#all(this.#byOwnAddress.get(address));
    const backendOf = this.#all(this.#byBackendAddress.get(address));
    return owner === undefined ? { backendOf } : { owner, backendOf };
  }

  #all(keys: ReadonlySet<string> | undefined): Frontend[] {
    return [...(keys ?? [])].map((key) => this.#frontends.get(key)!);
  }
}

/** An index that follows a model; changes are taken in when somebody asks, so that a burst costs one rebuild. */
export interface LiveIndex {
  current(): DnsIndex;
  stop(): void;
}

/** Indexes a model as it is and as it becomes. */
export function followModel(model: TrafficModel): LiveIndex {
  const { frontends, namespaces } = model.snapshot();
  const index = new DnsIndex(namespaces);
  for (const frontend of frontends.values()) index.set(frontend);
  const changed = new Set<string>();
  const stop = model.onChange((keys) => {
    for (const key of keys) changed.add(key);
  });
  const current = (): DnsIndex => {
    for (const key of changed) {
      const frontend = model.get(key);
      if (frontend === undefined) index.delete(key);
      else index.set(frontend);
    }
    changed.clear();
    return index;
  };
  return { current, stop };
}

function add(index: Map<string, Set<string>>, address: string, key: string): void {
  const keys = index.get(address);
  if (keys === undefined) index.set(address, new Set([key]));
  else keys.add(key);
}

function remove(index: Map<string, Set<string>>, address: string, key: string): void {
  const keys = index.get(address);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(address);
}

function ownAddresses(frontend: Frontend): string[] {
  return FAMILIES.map((family) => frontend.addresses[family])
    .filter((address) => address !== undefined)
    .map(canonical);
}

/** Users may spell an address of their own in any way; queries for it come in the canonical one. */
function canonical(text: string): string {
  const address = parseAddressAsGo(text);
  return address === undefined ? text : formatAddress(address);
}

function readyAddresses(frontend: Frontend): Set<string> {
  return new Set(frontend.backends.flatMap((backend) => readyOf(backend).map(({ address }) => address)));
}

/** The addresses of a backend that are ready, one per family at most. */
export function readyOf(backend: Backend): { family: Family; address: string }[] {
  return FAMILIES.flatMap((family) => {
    const address = backend.addresses[family];
    const ready = backend.conditions[family]?.ready ?? false;
    return address === undefined || !ready ? [] : [{ family, address: canonical(address) }];
  });
}

/** The label of a backend below its frontend: its hostname, else its address with dashes (CoreDNS's endpointHostname). */
export function endpointLabel(backend: Backend, address: string): string {
  if (backend.hostname) return backend.hostname;
  const dashed = address.replace(/[.:]/g, "-");
  return dashed.endsWith("-") ? `${dashed}0` : dashed;
}

/**
 * The targets of a frontend that a selection takes, undefined when it takes none: a frontend of its own address has one
 * per port and family; a headless one, and any when an endpoint is named, one per ready backend, family and port.
 */
export function targetsOf(frontend: Frontend, selection: Selection): Target[] {
  return frontend.kind === "virtual" && !selection.endpoint
    ? virtualTargets(frontend, selection)
    : backendTargets(frontend, selection);
}

function virtualTargets(frontend: Frontend, selection: Selection): Target[] {
  const ports = frontend.ports
    .filter((port) => takes(selection, port.name, port.protocol))
    .map((port) => port.port);
  if (frontend.ports.length === 0 && takes(selection, "", "")) ports.push(NO_PORT);
  return ports.flatMap((port) =>
    frontend.families.flatMap((family) => {
      const address = frontend.addresses[family];
      return address === undefined ? [] : [{ family, address: canonical(address), port }];
    }),
  );
}

function backendTargets(frontend: Frontend, selection: Selection): Target[] {
  const targets: Target[] = [];
  const served = new Set<string>();
  for (const port of frontend.ports) {
    for (const item of port.backends) {
      for (const { address } of readyOf(item.backend)) served.add(`${item.backend.id} ${address}`);
      if (takes(selection, port.name, port.protocol))
        targets.push(...addressesOf(item.backend, item.port, selection));
    }
  }
  if (!takes(selection, "", "")) return targets;
  for (const backend of frontend.backends) {
    const without = addressesOf(backend, NO_PORT, selection);
    targets.push(...without.filter(({ address }) => !served.has(`${backend.id} ${address}`)));
  }
  return targets;
}

function addressesOf(backend: Backend, port: number, { endpoint }: Selection): Target[] {
  return readyOf(backend).flatMap(({ family, address }) => {
    const label = endpointLabel(backend, address);
    return endpoint && !equalFold(label, endpoint) ? [] : [{ family, address, port, endpoint: label }];
  });
}

function takes(selection: Selection, port: string, protocol: string): boolean {
  return (
    (!selection.port || equalFold(selection.port, port)) &&
    (!selection.protocol || equalFold(selection.protocol, protocol))
  );
}

function equalFold(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
