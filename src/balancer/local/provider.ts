/**
 * The local provider: one Envoy on a host outside of the nodes serves all Services, on addresses that are the host's own.
 * What it works with (Envoy, the host's interfaces, the memory on disk) comes from outside.
 */
import { familyOfText } from "../../ip/address.ts";
import type { PerFamily } from "../../ip/family.ts";
import type { BalancerModel } from "../../traffic/balancer/model.ts";
import type {
  BalancerContext,
  BalancerEvent,
  BalancerOutcome,
  BalancerProvider,
  Orphan,
  PlannedStep,
} from "../../traffic/balancer/provider.ts";
import { type KeyPair, partsOf, proxyModelOf, type ServiceParts } from "./desired.ts";
import { certificatesOf, heldIps, outcomeOf, requestOf } from "./outcome.ts";
import { planOf } from "./plan.ts";
import { type AddressAnswer, type AddressPool, type AddressRequest, inOrder } from "./addresses.ts";
import { AddressBook } from "./pools.ts";
import type { HeldAddress, LocalHost, LocalProxy, ProxyRefusal } from "./seams.ts";

/** What the local provider works with. */
export interface LocalProviderOptions {
  readonly proxy: LocalProxy;
  readonly host: LocalHost;
  /** The pools as they are now, and the interface that addresses of each are announced on. */
  readonly pools: () => readonly AddressPool[];
  readonly linkOf: (pool: string) => string | undefined;
  /** Those of the certificates named that there are. */
  readonly certificates: (names: readonly string[]) => Promise<ReadonlyMap<string, KeyPair>>;
  /** Addresses that Services have at the start, so that nobody else gets them: from their statuses. */
  readonly known?: readonly { readonly key: string; readonly addresses: readonly string[] }[];
  /** How full the pools are, after each change. */
  readonly onCounts?: (counts: ReturnType<AddressBook["counts"]>) => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly clock?: () => number;
}

/** After so long (ms) targets are looked at again that had not been asked, and a start that waits for others. */
const AGAIN = { targets: 500, start: 100 };

/** At a start Envoy is left as it is until all that had addresses have been heard of, at most so long (ms). */
export const HOLD_MS = 5_000;

interface Served {
  readonly model: BalancerModel;
  readonly parts: ServiceParts;
  readonly addresses: PerFamily<string>;
}

/** The provider, and a way to have what depends on Secrets or pools made anew. */
export interface LocalProvider extends BalancerProvider {
  readonly name: "local";
  /** Forgets a Service that is gone from the memory on disk: another process has cleaned it up. */
  forget(service: string): Promise<void>;
  /** Ends the wait for Services that had addresses at the start: what is not served by now leaves Envoy. */
  settle(): Promise<void>;
  /** Takes in that a certificate has changed, or is there now. */
  certificateChanged(name: string): Promise<void>;
  /** How full the pools are, as they are now. */
  counts(): ReturnType<AddressBook["counts"]>;
  /** The Services that are served now, with their addresses. */
  served(): ReadonlyMap<string, readonly string[]>;
}

/** Makes the provider; nothing happens before it is asked to serve. */
export function createLocalProvider(options: LocalProviderOptions): LocalProvider {
  return new Local(options);
}

class Local implements LocalProvider {
  readonly name = "local";
  readonly #options: LocalProviderOptions;
  readonly #book = new AddressBook();
  readonly #served = new Map<string, Served>();
  /** The problems that each Service was last told. */
  readonly #told = new Map<string, string>();
  /** Addresses that this process has put on the host. */
  readonly #here = new Set<string>();
  /** Services that had addresses at the start and have not been heard of. */
  readonly #expected: Set<string>;
  readonly #startedAt: number;
  /** The change that the Envoy takes in, and the one after it. */
  #applying: Promise<void> = Promise.resolve();
  #next: Promise<readonly ProxyRefusal[]> | undefined;

  constructor(options: LocalProviderOptions) {
    this.#options = options;
    this.#book.setPools(options.pools());
    for (const { key, addresses } of options.known ?? []) {
      const families = addresses.map(familyOfText).filter((family) => family !== undefined);
      this.#book.assign({ key, families, all: false, addresses: {}, held: addresses });
    }
    this.#expected = new Set((options.known ?? []).map(({ key }) => key));
    this.#startedAt = this.#now();
  }

  /**
   * Envoy listens before the address is there (its sockets are bound freely), and the address comes once its targets have
   * been asked: whoever connects to it is served.
   */
  async serve(model: BalancerModel, context: BalancerContext): Promise<BalancerOutcome> {
    const { host, onCounts, proxy } = this.#options;
    const answer = this.#assign(model, context);
    onCounts?.(this.#book.counts());
    const before = this.#served.get(model.key);
    const parts = await this.#partsOf(model, answer.addresses);
    this.#served.set(model.key, { model, parts, addresses: answer.addresses });
    this.#expected.delete(model.key);
    if (this.#holds()) return { ingress: undefined, events: [], againAfterMs: AGAIN.start, done: false };
    const refusals = await this.#apply(model.key);
    await this.#dropUnused(before, answer);
    const events = this.#eventsOf(model.key, answer, parts, refusals);
    const isHere = inOrder(answer.addresses).every((address) => this.#here.has(address));
    const destinations = parts.destinations.map(({ key }) => key);
    if (!isHere && (await proxy.unchecked(destinations)).length > 0)
      return { ingress: undefined, events, againAfterMs: AGAIN.targets, done: false };
    await host.add(this.#heldOf(model, answer));
    for (const address of inOrder(answer.addresses)) this.#here.add(address);
    return outcomeOf(model, answer, context, events);
  }

  async release({ key }: { key: string }): Promise<BalancerOutcome> {
    await this.forget(key);
    return { ingress: [], events: [], againAfterMs: undefined, done: true };
  }

  /** The listeners go first, then the addresses. */
  async forget(key: string): Promise<void> {
    const { host, onCounts } = this.#options;
    this.#told.delete(key);
    this.#expected.delete(key);
    if (this.#served.delete(key)) await this.#apply(key);
    this.#book.release(key);
    const left = (await host.list()).filter(({ service }) => service === key);
    await this.#remove(left.map(({ address }) => address).filter((one) => this.#isUnused(one)));
    await host.add(left.flatMap((held) => this.#nextOwner(held)));
    onCounts?.(this.#book.counts());
  }

  /** An address that was shared is remembered as another's now. */
  #nextOwner(held: HeldAddress): HeldAddress[] {
    const [service] = this.#book.ownersOf(held.address);
    const uid = service === undefined ? undefined : this.#served.get(service)?.model.uid;
    return service === undefined || uid === undefined ? [] : [{ ...held, service, uid }];
  }

  counts(): ReturnType<AddressBook["counts"]> {
    this.#book.setPools(this.#options.pools());
    return this.#book.counts();
  }

  served(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#served].map(([key, { addresses }]) => [key, inOrder(addresses)]));
  }

  async settle(): Promise<void> {
    this.#expected.clear();
    await this.#apply("");
  }

  async certificateChanged(name: string): Promise<void> {
    for (const [key, { model, addresses }] of this.#served) {
      if (!certificatesOf(model).includes(name)) continue;
      const parts = await this.#partsOf(model, addresses);
      if (!this.#served.has(key)) continue;
      this.#served.set(key, { model, addresses, parts });
      await this.#apply(key);
    }
  }

  async plan(model: BalancerModel, context: BalancerContext): Promise<readonly PlannedStep[]> {
    const trial = new AddressBook();
    trial.setPools(this.#options.pools());
    const request = this.#request(model, context);
    const { addresses, problems } = trial.assign(request);
    const before = this.#served.get(model.key);
    const parts = await this.#partsOf(model, addresses);
    return planOf({ held: heldIps(context), addresses, problems, before: before?.parts, parts });
  }

  async orphans(live: ReadonlyMap<string, string>): Promise<readonly Orphan[]> {
    const held = await this.#options.host.list();
    return held.flatMap(({ address, service, uid, created }): Orphan[] => {
      const now = live.get(service);
      if (now !== undefined && (now === uid || uid === "")) return [];
      const why =
        now === undefined
          ? `Service ${service} does not exist, or is not ours any more`
          : `Service ${service} is another one of the same name`;
      return [{ kind: "Address", id: address, name: address, service, why, created }];
    });
  }

  async deleteOrphans(
    orphans: readonly Orphan[],
  ): Promise<readonly { readonly orphan: Orphan; readonly error: string | undefined }[]> {
    const done = [];
    for (const orphan of orphans) {
      try {
        const addresses = this.#served.get(orphan.service)?.addresses ?? {};
        if (inOrder(addresses).includes(orphan.id)) await this.forget(orphan.service);
        await this.#remove([orphan.id]);
        done.push({ orphan, error: undefined });
      } catch (error) {
        done.push({ orphan, error: (error as Error).message });
      }
    }
    return done;
  }

  async #partsOf(model: BalancerModel, addresses: PerFamily<string>): Promise<ServiceParts> {
    const pairs = await this.#options.certificates(certificatesOf(model));
    return partsOf(model, { addresses, certificates: (name) => pairs.get(name) });
  }

  /** An Envoy that serves since before would lose the listeners of those that have not been heard of yet. */
  #holds(): boolean {
    return this.#expected.size > 0 && this.#now() - this.#startedAt < HOLD_MS;
  }

  #now(): number {
    return (this.#options.clock ?? (() => performance.now()))();
  }

  #request(model: BalancerModel, context: BalancerContext): AddressRequest {
    return requestOf(model, context, this.#served.get(model.key)?.addresses ?? {});
  }

  #assign(model: BalancerModel, context: BalancerContext): AddressAnswer {
    this.#book.setPools(this.#options.pools());
    return this.#book.assign(this.#request(model, context));
  }

  #heldOf({ key, uid, clientFamilies }: BalancerModel, { addresses, pools }: AddressAnswer): HeldAddress[] {
    return clientFamilies.flatMap((family) => {
      const address = addresses[family];
      const link = this.#options.linkOf(pools[family] ?? "");
      return address === undefined ? [] : [{ address, service: key, uid, link }];
    });
  }

  /** What a Service has no more leaves the host, unless another one shares it. */
  async #dropUnused(before: Served | undefined, { addresses }: AddressAnswer): Promise<void> {
    const now = inOrder(addresses);
    const gone = inOrder(before?.addresses ?? {}).filter((one) => !now.includes(one) && this.#isUnused(one));
    await this.#remove(gone);
  }

  async #remove(addresses: readonly string[]): Promise<void> {
    if (addresses.length > 0) await this.#options.host.remove(addresses);
    for (const address of addresses) this.#here.delete(address);
  }

  #isUnused(address: string): boolean {
    return this.#book.ownersOf(address).length === 0;
  }

  /** Services that change in one turn of the event loop, or while the Envoy takes a change in, are one change of it. */
  async #apply(key: string): Promise<readonly ProxyRefusal[]> {
    this.#next ??= this.#applying.then(() => {
      this.#next = undefined;
      const parts = [...this.#served.values()].map((one) => one.parts);
      const refusals = this.#options.proxy.apply(proxyModelOf("local", parts));
      const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
      this.#applying = refusals.then(turn, turn);
      return refusals;
    });
    const refusals = await this.#next;
    return refusals.filter(({ name }) => name.startsWith(`${key}/`));
  }

  #eventsOf(
    key: string,
    { problems }: AddressAnswer,
    parts: ServiceParts,
    refusals: readonly ProxyRefusal[],
  ): BalancerEvent[] {
    const warn = (reason: string, message: string): BalancerEvent => ({ type: "Warning", reason, message });
    const all = [
      ...problems.map(({ reason, message }) => warn(reason, message)),
      ...parts.events,
      ...refusals.map(({ name, message }) => warn("ListenerRefused", `Envoy refuses ${name}: ${message}`)),
    ];
    const text = JSON.stringify(all);
    if ((this.#told.get(key) ?? "[]") === text) return [];
    this.#told.set(key, text);
    return all;
  }
}
