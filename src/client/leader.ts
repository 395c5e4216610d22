/** One of several at work at a time: election by a Lease, as client-go's leaderelection does it. */
import { KINDS } from "../objects/kinds.ts";
import { ApiError } from "../objects/status.ts";
import type { Lease } from "../objects/types.ts";
import { pause } from "./backoff.ts";
import type { KubeClient } from "./kube-client.ts";

/** What a candidate for leadership needs. */
export interface LeaderOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** The Lease that all candidates compete for. */
  readonly name: string;
  /** Who this is: different for every candidate, also after a restart. */
  readonly identity: string;
  /** How long others wait for a leader that is silent; 15 s by default. All times in milliseconds. */
  readonly leaseMs?: number;
  /** After so long without a successful renewal a leader ends its work; less than `leaseMs`; 10 s by default. */
  readonly renewDeadlineMs?: number;
  /** The pause between looks; 2 s by default. */
  readonly retryMs?: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly clock?: () => number;
  readonly log?: (line: string) => void;
}

/**
 * Does the work whenever this is the leader, until the signal aborts: the work's own signal aborts when the lease is
 * lost, and it has to end then. When the signal aborts the lease is given back, so that another goes on at once.
 * Times of other machines' clocks are not compared: a lease has run out when it did not change for its duration as
 * seen from here.
 * @throws what the work throws
 */
export async function leadWhile(
  options: LeaderOptions,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const election = new Election(options);
  while (!signal.aborted) {
    if (!(await election.tryOnce())) {
      await pause(election.retryMs, signal);
      continue;
    }
    options.log?.(`${options.identity} leads (Lease ${options.namespace}/${options.name})`);
    try {
      await leadOnce(election, work, signal);
    } catch (error) {
      await election.giveBack();
      throw error;
    }
    if (signal.aborted) await election.giveBack();
    else options.log?.(`${options.identity} no longer leads`);
  }
}

async function leadOnce(
  election: Election,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const term = new AbortController();
  const working = work(AbortSignal.any([signal, term.signal]));
  const ended = working.then(
    () => term.abort(),
    () => term.abort(),
  );
  const over = AbortSignal.any([signal, term.signal]);
  while (!over.aborted && election.renewedInTime()) {
    await pause(election.retryMs, over);
    if (!over.aborted) await election.tryOnce();
  }
  term.abort();
  await ended;
  await working;
}

const DEFAULTS = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

/** The Lease as seen from here. */
class Election {
  readonly retryMs: number;
  readonly #options: LeaderOptions;
  readonly #leaseMs: number;
  readonly #renewDeadlineMs: number;
  readonly #clock: () => number;
  /** The version last seen, and when it was first seen. */
  #seen: { version: string; at: number } | undefined;
  #renewed = Number.NEGATIVE_INFINITY;
  /** The holder last told of. */
  #told = "";

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? DEFAULTS.leaseMs;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? DEFAULTS.renewDeadlineMs;
    this.retryMs = options.retryMs ?? DEFAULTS.retryMs;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Takes or renews the lease; false where another has it, or the API server does not answer. */
  async tryOnce(): Promise<boolean> {
    const started = this.#clock();
    try {
      const lease = await this.#read();
      if (lease !== undefined && !this.#mayTake(lease)) {
        this.#renewed = Number.NEGATIVE_INFINITY;
        this.#tellHolder(lease.spec?.holderIdentity ?? "");
        return false;
      }
      await this.#write(lease);
      this.#renewed = started;
      return true;
    } catch (error) {
      // 409: another was quicker
      if (!(error instanceof ApiError && error.code === 409))
        this.#options.log?.(`Lease ${this.#options.name}: ${(error as Error).message}`);
      return false;
    }
  }

  /** Whether others still have to believe that this leads. */
  renewedInTime(): boolean {
    return this.#clock() - this.#renewed < this.#renewDeadlineMs;
  }

  /** Lets the next one lead without waiting. */
  async giveBack(): Promise<void> {
    const lease = await this.#read().catch(() => undefined);
    if (lease?.spec?.holderIdentity !== this.#options.identity) return;
    const spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime() };
    await this.#options.client.update<Lease>(KINDS.Lease, { ...lease, spec }).catch(() => {});
  }

  #read(): Promise<Lease | undefined> {
    const { client, name, namespace } = this.#options;
    return client.find<Lease>(KINDS.Lease, name, namespace);
  }

  /** Once for each: a process that waits says for whom. */
  #tellHolder(holder: string): void {
    if (holder === this.#told) return;
    this.#told = holder;
    const { log, namespace, name, identity } = this.#options;
    log?.(`${identity} waits: ${holder} leads (Lease ${namespace}/${name})`);
  }

  #mayTake({ metadata, spec }: Lease): boolean {
    const holder = spec?.holderIdentity ?? "";
    if (holder === "" || holder === this.#options.identity) return true;
    const version = metadata.resourceVersion ?? "";
    if (this.#seen?.version !== version) this.#seen = { version, at: this.#clock() };
    const duration = (spec?.leaseDurationSeconds ?? this.#leaseMs / 1000) * 1000;
    return this.#clock() - this.#seen.at >= duration;
  }

  async #write(lease: Lease | undefined): Promise<void> {
    const { client, name, namespace, identity } = this.#options;
    const mine = lease?.spec?.holderIdentity === identity;
    const now = microTime();
    const spec = {
      ...lease?.spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.#leaseMs / 1000)),
      renewTime: now,
      acquireTime: mine ? (lease?.spec?.acquireTime ?? now) : now,
      leaseTransitions: (lease?.spec?.leaseTransitions ?? 0) + (lease === undefined || mine ? 0 : 1),
    };
    if (lease === undefined) await client.create<Lease>(KINDS.Lease, { metadata: { name, namespace }, spec });
    else await client.update<Lease>(KINDS.Lease, { ...lease, spec });
  }
}

/** A time as `metav1.MicroTime`. */
function microTime(): string {
  return new Date().toISOString().replace(/Z$/, "000Z");
}
