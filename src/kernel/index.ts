/** Kernel: keeps the nftables rules of one node in step with the traffic model. */
import type { PerFamily } from "../ip/family.ts";
import { type Outcome, Programmer } from "./apply.ts";
import { forgetStaleFlows } from "./conntrack.ts";
import { createExec, type Exec } from "./exec.ts";
import type { NodeFacts } from "./facts.ts";
import type { Frontends } from "./ownership.ts";

export { type Outcome, Programmer, removeTables } from "./apply.ts";
export { createExec, type Exec, type ExecResult } from "./exec.ts";
export type { NodeFacts } from "./facts.ts";
export type { HealthCheck } from "./health.ts";
export type { ListenAddress } from "./serve/listen.ts";
export { type NodeKernel, type NodeKernelOptions, startNodeKernel } from "./serve/node.ts";

/** Where the rules come from: a traffic model. */
export interface TrafficSource extends Frontends {
  onChange(listener: (keys: readonly string[]) => void): () => void;
}

/** How the kernel part of a node is run. */
export interface KernelOptions {
  /** Filled before the start: what it lacks then is removed from the kernel. */
  readonly source: TrafficSource;
  readonly facts: NodeFacts;
  /** Default: programs run in this process's own network namespace. */
  readonly exec?: Exec;
  /** Called after each transaction that is in force. */
  readonly onSync?: (report: SyncReport) => void;
  /** Called about each failure; the loop goes on, with back-off. */
  readonly onError?: (error: Error) => void;
  readonly signal: AbortSignal;
  /** How often rules are compared with the kernel's, in ms (default 5 minutes; 0: never). */
  readonly auditMs?: number;
}

/** What one transaction did. */
export interface SyncReport extends Outcome {
  /** `start` and `audit` looked at everything, `retry` too, after a failure. */
  readonly why: "start" | "change" | "audit" | "retry";
  readonly milliseconds: number;
  /** When the changes of endpoints happened that are in force now, as far as it is known, as ms since the epoch. */
  readonly triggers: PerFamily<readonly number[]>;
}

/** A running kernel part. */
export interface Kernel {
  /** Settles when the rules are in force for the first time, or rejects when that failed. */
  readonly started: Promise<void>;
  /** Other facts about the node: everything is compared again. */
  setFacts(facts: NodeFacts): void;
  /** Settles when everything that the source had reported is in force. */
  settled(): Promise<void>;
  /** Settles when the loop has ended; the rules stay. End it through the signal. */
  readonly ended: Promise<void>;
}

const DEFAULT_AUDIT_MS = 5 * 60_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 30_000;
/** How long unused chains may stay before a transaction is spent on them. */
const TIDY_MS = 1000;

/**
 * Starts to keep the rules in step. At most one transaction is under way; what changes meanwhile goes into the next
 * one, and nothing waits when nothing is under way.
 */
export function startKernel(options: KernelOptions): Kernel {
  const loop = new KernelLoop(options);
  const started = loop.start();
  // Whoever does not look at `started` hears of failures through onError.
  started.catch(() => {});
  return {
    started,
    setFacts: (facts) => loop.setFacts(facts),
    settled: () => loop.settled(),
    ended: loop.ended,
  };
}

class KernelLoop {
  readonly #options: KernelOptions;
  readonly #exec: Exec;
  readonly #programmer: Programmer;
  #facts: NodeFacts;
  readonly #pending = new Set<string>();
  /** Why everything has to be looked at, when it has to. */
  #whole: Exclude<SyncReport["why"], "change"> | undefined = "start";
  #retryMs = FIRST_RETRY_MS;
  #timer: NodeJS.Timeout | undefined;
  #tidyTimer: NodeJS.Timeout | undefined;
  #auditTimer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #conntrackReported = false;
  readonly #startedAt = Date.now();
  readonly ended: Promise<void>;

  constructor(options: KernelOptions) {
    this.#options = options;
    this.#exec = options.exec ?? createExec();
    this.#facts = options.facts;
    this.#programmer = new Programmer(this.#exec, options.facts);
    const stop = options.source.onChange((keys) => {
      for (const key of keys) this.#pending.add(key);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      const end = () => {
        stop();
        clearTimeout(this.#timer);
        clearTimeout(this.#tidyTimer);
        clearInterval(this.#auditTimer);
        void (this.#running ?? Promise.resolve()).then(resolve);
      };
      if (options.signal.aborted) end();
      else options.signal.addEventListener("abort", end, { once: true });
    });
  }

  async start(): Promise<void> {
    const { auditMs = DEFAULT_AUDIT_MS, signal } = this.#options;
    if (signal.aborted) return;
    if (auditMs > 0) {
      this.#auditTimer = setInterval(() => {
        this.#whole ??= "audit";
        this.#wake();
      }, auditMs);
      this.#auditTimer.unref();
    }
    let failure: Error | undefined;
    await this.#run((error) => {
      failure ??= error;
    });
    if (failure !== undefined) throw failure;
  }

  setFacts(facts: NodeFacts): void {
    this.#facts = facts;
    this.#programmer.facts = facts;
    this.#whole ??= "audit";
    this.#wake();
  }

  async settled(): Promise<void> {
    while (!this.#options.signal.aborted && (this.#running || this.#hasWork)) {
      await (this.#running ?? new Promise((resolve) => setTimeout(resolve, 5)));
    }
  }

  /** Starts a run unless one is under way or about to be, or a failure is being waited out. */
  #wake(): void {
    if (this.#running !== undefined || this.#timer !== undefined || this.#options.signal.aborted) return;
    // Changes that arrive in one go (both families' slices of a Service) make one transaction.
    this.#timer = setTimeout(() => void this.#run(), 0);
  }

  get #hasWork(): boolean {
    return this.#whole !== undefined || this.#pending.size > 0;
  }

  #run(onFailure?: (error: Error) => void): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#exclusively(() => this.#work(onFailure));
  }

  /**
   * One thing at a time; what came in meanwhile starts the next one. Timers of both kinds may be due at once: the second
   * one finds the first one's action under way, and leaves what it is about to the end of that.
   */
  #exclusively(action: () => Promise<void>): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    clearTimeout(this.#tidyTimer);
    this.#running = action().finally(() => {
      this.#running = undefined;
      if (this.#hasWork) this.#wake();
      else this.#scheduleTidy();
    });
    return this.#running;
  }

  async #work(onFailure?: (error: Error) => void): Promise<void> {
    try {
      while (this.#hasWork && !this.#options.signal.aborted) await this.#step();
      this.#retryMs = FIRST_RETRY_MS;
    } catch (error) {
      this.#whole = "retry";
      if (this.#options.signal.aborted) return;
      onFailure?.(error as Error);
      this.#options.onError?.(error as Error);
      this.#timer = setTimeout(() => void this.#run(), this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    }
  }

  async #step(): Promise<void> {
    const { source, onSync } = this.#options;
    const why = this.#whole ?? "change";
    const began = performance.now();
    const keys = [...this.#pending];
    this.#pending.clear();
    this.#whole = undefined;
    const triggers = this.#triggers(keys);
    const outcome =
      why === "change"
        ? await this.#programmer.update(new Map(keys.map((key) => [key, source.get(key)])))
        : await this.#programmer.sync(source);
    await this.#forgetFlows(outcome);
    onSync?.({ ...outcome, why, triggers, milliseconds: performance.now() - began });
  }

  /** Changes from before the start are left out: nobody was there to program them (kube-proxy does the same). */
  #triggers(keys: readonly string[]): PerFamily<number[]> {
    const result: { IPv4?: number[]; IPv6?: number[] } = {};
    for (const key of keys) {
      const now = this.#options.source.get(key)?.endpointsChangedAt;
      if (now === undefined) continue;
      const before = this.#programmer.applied(key)?.endpointsChangedAt;
      for (const family of this.#facts.families) {
        const time = now[family];
        if (time === undefined || time <= (before?.[family] ?? 0) || time < this.#startedAt) continue;
        result[family] = [...(result[family] ?? []), time];
      }
    }
    return result;
  }

  /** Stale flows are a lesser evil than rules that are late: failures are reported once and do not stop the loop. */
  async #forgetFlows(outcome: Outcome): Promise<void> {
    if (outcome.udpEntries.size === 0 || this.#conntrackReported) return;
    try {
      await forgetStaleFlows(outcome.udpEntries, this.#facts, this.#exec);
    } catch (error) {
      this.#conntrackReported = true;
      this.#options.onError?.(error as Error);
    }
  }

  #scheduleTidy(): void {
    if (!this.#programmer.untidy || this.#options.signal.aborted) return;
    this.#tidyTimer = setTimeout(() => void this.#exclusively(() => this.#tidy()), TIDY_MS);
    this.#tidyTimer.unref();
  }

  async #tidy(): Promise<void> {
    await this.#programmer.tidy().catch((error: Error) => {
      this.#whole = "retry";
      this.#options.onError?.(error);
    });
  }
}
