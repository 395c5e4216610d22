/** Replicas tell each other what their proxies refuse, so that the one that writes statuses knows of all of it. */
import { randomUUID } from "node:crypto";
import { Informer, type KubeClient } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import { formatMicroTime } from "../../objects/time.ts";
import type { Lease } from "../../objects/types.ts";
import { annotationsOf, type Refusal, REFUSALS_LABEL, refusalsOf } from "./refusal-lease.ts";

/** Where the Leases are, unless told otherwise: beside those of elections. */
export const LEASE_NAMESPACE = "kube-system";

/** What a board of refusals needs. */
export interface RefusalBoardOptions {
  readonly client: KubeClient;
  /** Where the Leases are. */
  readonly namespace: string;
  /** Whose replicas they are: `tandem-gateway`. */
  readonly component: string;
  /** What proxies that are connected here refuse now. */
  readonly own: () => readonly Refusal[];
  /** Called once a period, before that is told. */
  readonly onPeriod?: () => void;
  /** Called when replicas tell something else than before. */
  readonly onOthers: () => void;
  readonly log: (line: string) => void;
  /** How often a Lease is renewed; milliseconds, 5,000 by default. */
  readonly renewMs?: number;
}

/** A Lease that was not renewed for so many periods is of a replica that is gone. */
const PERIODS = 3;
/** Milliseconds in which refusals gather before they are told. */
const GATHER_MS = 200;

/** One of them, as last seen. */
interface Seen {
  readonly lease: Lease;
  /** Milliseconds of the monotonic clock: other machines' clocks are not compared. */
  readonly at: number;
}

/**
 * A replica has a Lease of its own while proxies that are connected to it refuse something; else there is nothing. It
 * tells all of it, and goes with the replica: at once when that ends, after three periods when it is killed.
 */
export class RefusalBoard {
  readonly #options: RefusalBoardOptions;
  readonly #name: string;
  readonly #renewMs: number;
  readonly #seen = new Map<string, Seen>();
  #hasLease = false;
  #gathering: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RefusalBoardOptions) {
    this.#options = options;
    this.#name = `${options.component}-${randomUUID().slice(0, 8)}`;
    this.#renewMs = options.renewMs ?? 5_000;
  }

  /** What proxies that are connected to other replicas refuse. */
  others(): Refusal[] {
    return [...this.#seen.values()].flatMap(({ lease }) => refusalsOf(lease));
  }

  /** Tells of what is refused here soon: something came, or went. */
  poke(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.#tell();
    }, GATHER_MS);
  }

  /** Begins; resolves, after the signal has aborted, when its own Lease is gone. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, namespace, component, log } = this.#options;
    const informer = new Informer<Lease>(client, KINDS.Lease, {
      namespace,
      labelSelector: `${REFUSALS_LABEL}=${component}`,
      onError: (error) => signal.aborted || log(`refusals of other replicas: ${(error as Error).message}`),
    });
    informer.onChange(({ type, object }) => this.#see(object, type === "deleted"));
    const timer = setInterval(() => this.#tick(), this.#renewMs);
    const ended = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    informer.start(signal).then(
      () => {
        for (const lease of informer.list()) this.#see(lease, false);
      },
      () => {}, // the signal
    );
    await ended;
    clearInterval(timer);
    clearTimeout(this.#gathering);
    await this.#writing;
    if (this.#hasLease) await this.#remove(this.#name).catch(() => {});
  }

  #see(lease: Lease, isGone: boolean): void {
    const { name, resourceVersion } = lease.metadata;
    if (name === this.#name) return;
    const before = this.#seen.get(name)?.lease;
    if (isGone) this.#seen.delete(name);
    else if (before?.metadata.resourceVersion !== resourceVersion)
      this.#seen.set(name, { lease, at: performance.now() });
    const told = (one: Lease | undefined) => JSON.stringify(one && refusalsOf(one));
    if (told(before) !== told(this.#seen.get(name)?.lease)) this.#options.onOthers();
  }

  #tick(): void {
    this.#options.onPeriod?.();
    this.#tell();
    const oldest = performance.now() - PERIODS * this.#renewMs;
    for (const [name, { lease, at }] of this.#seen) {
      if (at > oldest) continue;
      this.#see(lease, true);
      this.#remove(name).catch((error: unknown) => this.#fail(error));
    }
  }

  /** One after the other: the last one tells what is refused by then. */
  #tell(): void {
    this.#writing = this.#writing.then(() => this.#write()).catch((error: unknown) => this.#fail(error));
  }

  async #write(): Promise<void> {
    const refusals = this.#options.own();
    if (refusals.length === 0) {
      if (this.#hasLease) await this.#remove(this.#name);
      this.#hasLease = false;
      return;
    }
    const { client, namespace, component } = this.#options;
    const metadata = { labels: { [REFUSALS_LABEL]: component }, annotations: annotationsOf(refusals) };
    const leaseDurationSeconds = Math.max(1, Math.ceil((PERIODS * this.#renewMs) / 1000));
    const spec = { holderIdentity: this.#name, leaseDurationSeconds, renewTime: formatMicroTime(new Date()) };
    if (this.#hasLease && (await this.#patch({ metadata, spec }))) return;
    const own = { name: this.#name, namespace };
    await client.create<Lease>(KINDS.Lease, { metadata: { ...own, ...metadata }, spec });
    this.#hasLease = true;
  }

  /** False where the Lease is gone: others took this one for dead. */
  async #patch(lease: object): Promise<boolean> {
    const { client, namespace } = this.#options;
    try {
      await client.patch(KINDS.Lease, this.#name, namespace, lease, { type: "merge" });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return false;
      throw error;
    }
  }

  async #remove(name: string): Promise<void> {
    try {
      await this.#options.client.delete(KINDS.Lease, name, this.#options.namespace);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 404)) throw error;
    }
  }

  #fail(error: unknown): void {
    this.#options.log(`telling other replicas what is refused: ${(error as Error).message}`);
  }
}
