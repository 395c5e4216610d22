import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { conditionOf } from "../../objects/conditions.ts";
import { KINDS } from "../../objects/kinds.ts";
import { formatTime } from "../../objects/time.ts";
import type { Container, Pod, PodStatus } from "../../objects/types.ts";
import { ContainerRunner } from "./container.ts";
import type { KubeletContext } from "./context.ts";
import { ActiveDeadline, DEADLINE_EXCEEDED } from "./deadline.ts";
import { overfullVolume } from "./empty-dir.ts";
import { EphemeralContainers } from "./ephemeral.ts";
import { environmentOf } from "./environment.ts";
import { runInitAgain } from "./init-again.ts";
import { runInitSequence } from "./init-sequence.ts";
import { execToEnd } from "./exec.ts";
import { type PodEvent, recordPodEvent } from "./pod-events.ts";
import { PodSandbox } from "./pod-sandbox.ts";
import { PodShare } from "./pod-share.ts";
import { warningsOf } from "./pod-warnings.ts";
import { restartRuleOf } from "./restart-rule.ts";
import type { ContainerHost } from "./running-container.ts";
import type { Sandbox } from "./sandbox.ts";
import { type PodFacts, podStatusOf } from "./status.ts";
import { StatusWriter } from "./status-writer.ts";
import { mountsOf, PodVolumes } from "./volumes.ts";

/** What a sidecar has at least when its pod ends, however long the other containers took. */
const MIN_SIDECAR_GRACE_S = 2;

type PodFailure = NonNullable<PodFacts["failure"]>;

/**
 * One pod on this node, from its binding to its removal: sandbox, init containers, containers, status, end. Every step
 * that fails is tried again and told in the status and in events; nothing of it throws.
 */
export class PodWorker {
  readonly #context: KubeletContext;
  readonly #init: readonly ContainerRunner[];
  readonly #main: readonly ContainerRunner[];
  readonly #ephemeral: EphemeralContainers;
  readonly #status: StatusWriter;
  readonly #stop = new AbortController();
  readonly #startTime = formatTime(new Date());
  readonly #logDir: string;
  readonly #volumes: PodVolumes;
  readonly #share: PodShare;
  readonly #sandbox: PodSandbox;
  #pod: Pod;
  /** The pod's own containers have ended for good. */
  #ended = false;
  /** The object is to be deleted; a pod whose node goes is not at its end. */
  #leaves = false;
  #written: PodStatus | undefined;
  #failure: PodFailure | undefined;
  readonly #deadline = new ActiveDeadline(() => void this.#fail(DEADLINE_EXCEEDED, "Normal", this.#grace()));
  #ending: Promise<void> | undefined;
  #lived: Promise<void> = Promise.resolve();

  constructor(context: KubeletContext, pod: Pod) {
    this.#context = context;
    this.#pod = pod;
    const { namespace, name, uid } = pod.metadata;
    this.#logDir = join(context.podLogs, `${namespace}_${name}_${uid}`);
    const host = this.#host();
    const init = pod.spec.initContainers ?? [];
    const waiting = init.length > 0 ? "PodInitializing" : "ContainerCreating";
    const runner = (spec: Container, isInit: boolean): ContainerRunner =>
      new ContainerRunner(spec, host, restartRuleOf(pod, spec, isInit), waiting);
    this.#init = init.map((spec) => runner(spec, true));
    this.#main = pod.spec.containers.map((spec) => runner(spec, false));
    this.#ephemeral = new EphemeralContainers(
      (spec) => new ContainerRunner(spec, host, "never", "ContainerCreating"),
    );
    this.#volumes = new PodVolumes(() => this.#withAddresses(), context.reader, context.client.config.ca);
    this.#status = new StatusWriter(context.client, () => this.#write());
    this.#share = new PodShare(context, () => this.#pod);
    this.#sandbox = this.#sandboxOf();
  }

  #sandboxOf(): PodSandbox {
    return new PodSandbox({
      context: this.#context,
      pod: () => this.#pod,
      volumes: this.#volumes,
      share: this.#share,
      logDir: this.#logDir,
      signal: this.#stop.signal,
      again: (sandbox) => this.#initAgain(sandbox),
      onMade: () => this.#status.request(),
      onLost: () => this.#onSandboxLost(),
      onFailure: (reason, message) => this.#event({ type: "Warning", reason, message }),
    });
  }

  /** Containers that are started again make a new one. */
  #onSandboxLost(): void {
    if (this.#stop.signal.aborted || this.#ending !== undefined || this.#ended) return;
    const message = "Pod sandbox changed, it will be killed and re-created.";
    this.#event({ type: "Normal", reason: "SandboxChanged", message });
    this.#status.request();
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** A process in the pod's namespaces; undefined while there are none. */
  get sandboxPid(): number | undefined {
    return this.#sandbox.pid;
  }

  /** The pod's addresses, its primary family's first. */
  get podIPs(): readonly string[] {
    return this.#sandbox.podIPs;
  }

  /** A container of the pod by name, or its only one; undefined when there is none of that name. */
  container(name: string): ContainerRunner | undefined {
    return [...this.#main, ...this.#init, ...this.#ephemeral.runners].find(({ spec }) => spec.name === name);
  }

  /** Begins; the pod runs until {@link terminate}. */
  start(): void {
    this.#status.request();
    this.#deadline.arm(this.#pod);
    this.#stop.signal.addEventListener("abort", () => this.#deadline.stop(), { once: true });
    this.#volumes.follow(this.#context.configWatches, this.#stop.signal);
    for (const warning of warningsOf(this.#pod, this.#context)) this.#event({ type: "Warning", ...warning });
    void this.#watchVolumes();
    this.#lived = this.#live();
  }

  /** Takes over a new version of the object. */
  update(pod: Pod): void {
    const gates = (pod.spec.readinessGates ?? []).length > 0;
    const told = ({ metadata }: Pod) => JSON.stringify([metadata.labels, metadata.annotations]);
    const retold = told(pod) !== told(this.#pod);
    const sooner = pod.spec.activeDeadlineSeconds !== this.#pod.spec.activeDeadlineSeconds;
    this.#pod = pod;
    if (sooner && !this.#stop.signal.aborted) this.#deadline.arm(pod);
    if (retold && this.#sandbox.pid !== undefined) this.#volumes.refresh();
    this.#startEphemeral();
    if (this.#wasOverruled(pod)) this.#status.rewrite();
    if (gates) this.#status.request();
  }

  /** Once the pod has its sandbox, and until its own containers have ended. */
  #startEphemeral(): void {
    if (this.#sandbox.seen && !this.#ended && !this.#stop.signal.aborted) this.#ephemeral.start(this.#pod);
  }

  /** The node controller took the pod for not ready while its node was away; we know better. */
  #wasOverruled({ status }: Pod): boolean {
    const readyOf = (of: PodStatus | undefined) => conditionOf(of?.conditions, "Ready");
    const [theirs, ours] = [readyOf(status), readyOf(this.#written)];
    if (theirs?.status !== "False" || ours?.status !== "True") return false;
    return (theirs.lastTransitionTime ?? "") > (ours.lastTransitionTime ?? "");
  }

  /** Ends the pod in order within the grace, and removes the object. Safe to repeat. */
  terminate(graceSeconds: number): Promise<void> {
    this.#ending ??= this.#end(graceSeconds, true);
    return this.#ending;
  }

  /** Ends the pod at once; its object is gone already, or the node goes. */
  async kill(): Promise<void> {
    this.#ending ??= this.#end(0, false);
    await this.#sandbox.destroy();
    await this.#ending;
  }

  /** The pod fails as a whole, whatever its restart policy, and its object stays. */
  async #fail(failure: PodFailure, type: "Normal" | "Warning", graceSeconds: number): Promise<void> {
    if (this.#ended) return;
    this.#event({ type, ...failure });
    const all = [...this.#main, ...this.#init];
    await Promise.all(all.map((container) => container.terminate(graceSeconds)));
    this.#failure = failure;
    this.#status.request();
  }

  async #live(): Promise<void> {
    await this.#sandbox.setUp();
    this.#startEphemeral();
    if (await runInitSequence(this.#init, this.#stop.signal))
      await Promise.all(this.#main.map((container) => container.run()));
    if (this.#stop.signal.aborted) return;
    this.#ended = true;
    // every container has ended for good: the phase says how, and nothing of the pod stays but its logs; its addresses
    // go to others, though the status keeps them
    for (const sidecar of [...this.#init].reverse()) await sidecar.terminate(this.#grace());
    await this.#ephemeral.terminate(0);
    await this.#sandbox.destroy();
    await this.#share.release();
    this.#status.request();
  }

  /** In a new sandbox of an old pod; nothing else of the pod has it yet. */
  #initAgain(sandbox: Sandbox): Promise<void> {
    const logDir = join(this.#logDir, "init-again");
    mkdirSync(logDir, { recursive: true, mode: 0o700 });
    const host: ContainerHost = { ...this.#host(), logDir, sandbox: () => Promise.resolve(sandbox) };
    const make = (spec: Container): ContainerRunner =>
      new ContainerRunner(spec, host, restartRuleOf(this.#pod, spec, true), "PodInitializing");
    return runInitAgain(this.#pod.spec.initContainers ?? [], make, this.#stop.signal);
  }

  async #watchVolumes(): Promise<void> {
    const folderOf = (volume: string) => this.#sandbox.folderOf(volume);
    const failure = await overfullVolume(this.#pod, folderOf, this.#stop.signal);
    if (failure !== undefined) await this.#fail(failure, "Warning", 0);
  }

  #grace(): number {
    return this.#pod.spec.terminationGracePeriodSeconds ?? 30;
  }

  async #end(graceSeconds: number, remove: boolean): Promise<void> {
    this.#stop.abort();
    this.#leaves = remove;
    this.#status.request();
    const deadline = Date.now() + graceSeconds * 1_000;
    await Promise.all([
      ...this.#main.map((container) => container.terminate(graceSeconds)),
      this.#ephemeral.terminate(graceSeconds),
    ]);
    // sidecars end after what they serve, the last one first, in what is left of the grace (KEP-753)
    for (const container of [...this.#init].reverse()) {
      const left = Math.max((deadline - Date.now()) / 1_000, Math.min(graceSeconds, MIN_SIDECAR_GRACE_S));
      await container.terminate(left);
    }
    await this.#sandbox.destroy();
    await this.#lived;
    await this.#share.release();
    await this.#status.finish();
    rmSync(this.#logDir, { recursive: true, force: true });
    if (!remove) return;
    const { name, namespace, uid } = this.#pod.metadata;
    const options = { gracePeriodSeconds: 0, ...(uid ? { uid } : {}) };
    await this.#context.retry(() => this.#context.client.delete(KINDS.Pod, name, namespace, options));
  }

  #facts(): PodFacts {
    const { node, plan } = this.#context;
    return {
      init: this.#init.map(({ facts }) => facts),
      main: this.#main.map(({ facts }) => facts),
      ephemeral: this.#ephemeral.runners.map(({ facts }) => facts),
      sandboxReady: this.#sandbox.pid !== undefined,
      podIPs: this.#sandbox.seen ? this.#sandbox.podIPs : [],
      hostIPs: plan.families
        .map((family) => node.addresses[family])
        .filter((address) => address !== undefined),
      startTime: this.#startTime,
      ...(this.#failure && { failure: this.#failure }),
      ending: this.#leaves,
    };
  }

  #write(): { pod: Pod; status: PodStatus } {
    this.#written = podStatusOf(
      this.#pod,
      this.#facts(),
      formatTime(new Date()),
      this.#written ?? this.#pod.status,
    );
    return { pod: this.#pod, status: this.#written };
  }

  /** The pod with the addresses that it has by now, which the API may not have heard of yet. */
  #withAddresses(): Pod {
    return { ...this.#pod, status: { ...this.#pod.status, ...this.#write().status } };
  }

  #host(): ContainerHost {
    const context = this.#context;
    return {
      pod: () => this.#withAddresses(),
      sandbox: () => this.#sandbox.ensure(),
      cgroup: () => this.#share.cgroup(),
      environment: (container) =>
        environmentOf(this.#withAddresses(), container, context.plan, context.reader),
      mounts: (container, env) => mountsOf(this.#pod, container, env),
      logDir: this.#logDir,
      images: context.images,
      exec: execToEnd,
      event: (container, type, reason, message) => this.#event({ container, type, reason, message }),
      changed: () => this.#status.request(),
    };
  }

  #event(event: PodEvent): void {
    recordPodEvent(this.#context.events, this.#pod, event);
  }
}
