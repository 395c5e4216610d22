import { mkdirSync } from "node:fs";
import type { Pod } from "../../objects/types.ts";
import { announcePod, withdrawPod } from "../pod-registry.ts";
import type { KubeletContext } from "./context.ts";
import { memoryVolumes } from "./empty-dir.ts";
import { MountFailed } from "./mount-failed.ts";
import { familiesOfPod } from "./pod-families.ts";
import type { PodShare } from "./pod-share.ts";
import { pause } from "./prober.ts";
import { hostsFile, kernelHostname, resolvConf } from "./resolver.ts";
import { createSandbox, type Sandbox } from "./sandbox.ts";
import { POD_VOLUMES } from "./sandbox-script.ts";
import { sysctlLines } from "./sysctls.ts";
import type { PodVolumes } from "./volumes.ts";

const RETRY_MS = 500;
const RETRY_MAX_MS = 8_000;

/** What a pod's sandbox is made from, and who is told of it. */
export interface PodSandboxOptions {
  readonly context: KubeletContext;
  readonly pod: () => Pod;
  readonly volumes: PodVolumes;
  readonly share: PodShare;
  readonly logDir: string;
  /** Aborted, none is made any more. */
  readonly signal: AbortSignal;
  /** Prepares a sandbox that takes the place of an earlier one, before anything else has it. */
  readonly again: (sandbox: Sandbox) => Promise<void>;
  readonly onMade: () => void;
  /** It ended by itself, or somebody killed it. */
  readonly onLost: () => void;
  /** Reason and message of what could not be made, as the kubelet's. */
  readonly onFailure: (reason: string, message: string) => void;
}

/** The sandbox of one pod over its life: made when it is asked for, and anew after it was lost. */
export class PodSandbox {
  readonly #options: PodSandboxOptions;
  #sandbox: Promise<Sandbox> | undefined;
  #pid: number | undefined;
  #seen = false;
  #podIPs: readonly string[] = [];

  constructor(options: PodSandboxOptions) {
    this.#options = options;
  }

  /** A process in the pod's namespaces; undefined while there are none. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Addresses count once they are in force, and stay what they are when the sandbox is made anew. */
  get seen(): boolean {
    return this.#seen;
  }

  /** The pod's addresses, its primary family's first. */
  get podIPs(): readonly string[] {
    return this.#podIPs;
  }

  /** Where the files of a volume are; undefined while there is no sandbox. */
  folderOf(volume: string): string | undefined {
    return this.#pid === undefined ? undefined : `/proc/${this.#pid}/root${POD_VOLUMES}/${volume}`;
  }

  /** Makes the sandbox, trying again until it works or the pod ends. */
  async setUp(): Promise<void> {
    const { signal, onFailure } = this.#options;
    let delay = RETRY_MS;
    while (!signal.aborted) {
      try {
        await this.ensure();
        return;
      } catch (error) {
        onFailure(...setUpFailure(error as Error));
        await pause(delay, signal);
        delay = Math.min(delay * 2, RETRY_MAX_MS);
      }
    }
  }

  /** The sandbox, made unless it is there. @throws Error, MountFailed for a volume that cannot be made */
  ensure(): Promise<Sandbox> {
    this.#sandbox ??= this.#make().catch((error) => {
      this.#sandbox = undefined;
      throw error;
    });
    return this.#sandbox;
  }

  async destroy(): Promise<void> {
    const sandbox = await this.#sandbox?.catch(() => undefined);
    await sandbox?.destroy();
  }

  async #make(): Promise<Sandbox> {
    const { context, volumes, share, logDir, signal, again, onMade } = this.#options;
    if (signal.aborted) throw new Error("the pod is ending");
    mkdirSync(logDir, { recursive: true, mode: 0o700 });
    const access = volumes.accessFiles();
    access.catch(() => {}); // awaited below
    const sandbox = await this.#create();
    let givenUp = false; // as something of it could not be made
    void sandbox.ended.then(() => {
      this.#withdraw(sandbox);
      if (!givenUp) this.#onEnd();
    });
    try {
      await volumes.prepare(sandbox.pid, await access);
      await share.openPorts();
      if (this.#seen) await again(sandbox);
    } catch (error) {
      givenUp = true;
      await sandbox.destroy();
      throw error;
    }
    this.#pid = sandbox.pid;
    this.#announce(sandbox, context.node.name);
    this.#seen = true;
    onMade();
    return sandbox;
  }

  async #create(): Promise<Sandbox> {
    const { context, share } = this.#options;
    const { plan, node } = context;
    const pod = this.#options.pod();
    const families = familiesOfPod(pod, plan.families);
    const link = share.link();
    this.#podIPs = families
      .map((family) => (link === undefined ? node.addresses : link.addresses)[family])
      .filter((address) => address !== undefined);
    return createSandbox({
      hostname: kernelHostname(pod, plan),
      resolvConf: resolvConf(pod, families, plan),
      hosts: hostsFile(pod, this.#podIPs, plan),
      hostVolumes: await context.root.volumes(pod.spec.volumes ?? []),
      memoryVolumes: memoryVolumes(pod),
      sysctls: sysctlLines(pod),
      ...(link === undefined ? {} : { link }),
    });
  }

  #announce({ pid }: Sandbox, node: string): void {
    const { metadata, spec } = this.#options.pod();
    const { namespace = "", name } = metadata;
    announcePod({ namespace, name, node, pid, hostNetwork: spec.hostNetwork === true });
  }

  #withdraw({ pid }: Sandbox): void {
    const { namespace = "", name } = this.#options.pod().metadata;
    withdrawPod(namespace, name, pid);
  }

  #onEnd(): void {
    this.#sandbox = undefined;
    this.#pid = undefined;
    this.#options.onLost();
  }
}

function setUpFailure(error: Error): [reason: string, message: string] {
  if (error instanceof MountFailed) return ["FailedMount", error.message];
  return ["FailedCreatePodSandBox", `Failed to create pod sandbox: ${error.message}`];
}
