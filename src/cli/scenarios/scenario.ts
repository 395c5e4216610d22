import { setTimeout as sleep } from "node:timers/promises";
import { type ExecResult, execToText, KubeClient, loadKubeconfig } from "../../client/index.ts";
import { UserError } from "../../errors/user-error.ts";
import type { Family } from "../../ip/family.ts";
import { outsideOf, type RunningCluster } from "../../lab/index.ts";
import { run } from "../../lab/run.ts";

/** What a step of a scenario found. */
export interface Finding {
  /** What was seen, line by line. */
  readonly evidence: readonly string[];
  /** What that means, in a sentence. */
  readonly verdict: string;
  /** Whether it is as the scenario says that it must be. */
  readonly holds: boolean;
}

/** One step: looks, or changes something and looks. */
export interface ScenarioStep {
  readonly title: string;
  look(room: ScenarioRoom): Promise<Finding>;
}

/** A story of a fault and its end, told by a cluster of its own. */
export interface Scenario {
  readonly name: string;
  readonly summary: string;
  readonly families: readonly Family[];
  readonly nodes: number;
  /** Makes what the story is about; resolves when it has come to where the first step looks. */
  prepare(room: ScenarioRoom): Promise<void>;
  readonly steps: readonly ScenarioStep[];
}

/** Where a program runs, unless in the only container of a pod of `default`. */
export interface Where {
  readonly namespace?: string;
  readonly container?: string;
}

const POLL_MS = 100;
const PATIENCE_MS = 60_000;

/** The cluster of a scenario, and the ways to look at it. */
export class ScenarioRoom {
  readonly client: KubeClient;
  readonly #stateDir: string;
  readonly #signal: AbortSignal;

  private constructor(client: KubeClient, stateDir: string, signal: AbortSignal) {
    this.client = client;
    this.#stateDir = stateDir;
    this.#signal = signal;
  }

  static async of(cluster: RunningCluster, signal: AbortSignal): Promise<ScenarioRoom> {
    const client = new KubeClient(await loadKubeconfig(cluster.kubeconfig));
    return new ScenarioRoom(client, cluster.stateDir, signal);
  }

  /** The folder of the cluster. */
  get stateDir(): string {
    return this.#stateDir;
  }

  /** Runs a program in a pod of `default`, or elsewhere. */
  inPod(pod: string, command: readonly string[], input?: string, where: Where = {}): Promise<ExecResult> {
    const stdin = input === undefined ? {} : { input: [input] };
    return execToText(this.client, { namespace: "default", ...where, pod, command, ...stdin });
  }

  /** Asks a URL as a client outside of the cluster: the answer, or curl's complaint. */
  async ask(url: string): Promise<{ ok: boolean; said: string }> {
    const { prefix } = outsideOf(this.#stateDir) ?? { prefix: [] };
    const curl = ["curl", "--silent", "--show-error", "--fail", "--max-time", "5", url];
    try {
      return { ok: true, said: (await run([...prefix, ...curl])).trim() };
    } catch (error) {
      const said = (error as { stderr?: string }).stderr?.trim() ?? String(error);
      return { ok: false, said };
    }
  }

  /** {@link untilFound}, as long as the play is not stopped. */
  until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    return untilFound(what, look, this.#signal);
  }

  close(): void {
    this.client.close();
  }
}

/** Does a part of a play. @throws UserError of it that has `where` to say, where it said nothing of that itself */
export async function inPart<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UserError) || error.parts.where !== undefined) throw error;
    throw new UserError({ ...error.parts, where });
  }
}

/** Looks again and again until something is found. @throws UserError of what did not come within a minute; the signal's reason */
export async function untilFound<T>(
  what: string,
  look: () => Promise<T | undefined>,
  signal: AbortSignal,
  pause: (ms: number) => Promise<unknown> = (ms) => sleep(ms, undefined, { signal }),
): Promise<T> {
  for (let waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(POLL_MS).catch(() => {});
    signal.throwIfAborted();
  }
  throw new UserError({
    what: "cannot go on with the scenario",
    why: `${what} did not come within ${PATIENCE_MS / 1000} s`,
    next: "play it again when the machine is less busy; nothing is left of this play",
  });
}
