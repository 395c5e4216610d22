import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { KINDS } from "../../objects/kinds.ts";
import { formatTime } from "../../objects/time.ts";
import type { Container, Pod, PodStatus } from "../../objects/types.ts";
import type { PodAddresses } from "./addresses.ts";
import { ContainerRunner } from "./container.ts";
import type { KubeletContext } from "./context.ts";
import type { PodCgroup } from "./cgroup.ts";
import { ActiveDeadline, DEADLINE_EXCEEDED } from "./deadline.ts";
import { EphemeralContainers } from "./ephemeral.ts";
import { environmentOf } from "./environment.ts";
import { runInitAgain } from "./init-again.ts";
import { execToEnd } from "./exec.ts";
import { announcePod, withdrawPod } from "../pod-registry.ts";
import { familiesOfPod } from "./pod-families.ts";
import { GATEWAY_V6, POD_LINKS, type PodLink } from "./pod-links.ts";
import { pause } from "./prober.ts";
import { restartRuleOf } from "./restart-rule.ts";
import type { ContainerHost } from "./running-container.ts";
import { hostNames, hostsFile, resolvConf } from "./resolver.ts";
import { createSandbox, type Sandbox } from "./sandbox.ts";
import { isSidecar, type PodFacts, podStatusOf } from "./status.ts";
import { StatusWriter } from "./status-writer.ts";
import { MountFailed, mountsOf, PodVolumes } from "./volumes.ts";

const SANDBOX_RETRY_MS = 500;
const SANDBOX_RETRY_MAX_MS = 8_000;
/** What a sidecar has at least when its pod ends, however long the other containers took. */
const MIN_SIDECAR_GRACE_S = 2;

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
  #pod: Pod;
  #addresses: PodAddresses | undefined;
  #sandbox: Promise<Sandbox> | undefined;
  #cgroup: Promise<PodCgroup> | undefined;
  #sandboxPid: number | undefined;
  #sandboxReady = false;
  /** Addresses count once they are in force, and stay what they are when the sandbox is made anew. */
  #sandboxSeen = false;
  /** The pod's own containers have ended for good. */
  #ended = false;
  /** The object is to be deleted; a pod whose node goes is not at its end. */
  #leaves = false;
  #written: PodStatus | undefined;
  #podIPs: readonly string[] = [];
  #failure: PodFacts["failure"];
  readonly #deadline = new ActiveDeadline(() => void this.#expire());
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
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** A process in the pod's namespaces; undefined while there are none. */
  get sandboxPid(): number | undefined {
    return this.#sandboxPid;
  }

  /** The pod's addresses, its primary family's first. */
  get podIPs(): readonly string[] {
    return this.#podIPs;
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
    this.#warnOfLimits();
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
    if (retold && this.#sandboxReady) this.#volumes.refresh();
    this.#startEphemeral();
    if (this.#wasOverruled(pod)) this.#status.rewrite();
    if (gates) this.#status.request();
  }

  /** Once the pod has its sandbox, and until its own containers have ended. */
  #startEphemeral(): void {
    if (this.#sandboxSeen && !this.#ended && !this.#stop.signal.aborted) this.#ephemeral.start(this.#pod);
  }

  /** The node controller took the pod for not ready while its node was away; we know better. */
  #wasOverruled({ status }: Pod): boolean {
    const readyOf = (of: PodStatus | undefined) => of?.conditions?.find(({ type }) => type === "Ready");
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
    await this.#destroySandbox();
    await this.#ending;
  }

  /** The pod has had its time: it fails, whatever its restart policy, and its object stays. */
  async #expire(): Promise<void> {
    if (this.#ended) return;
    this.#event(undefined, "Normal", DEADLINE_EXCEEDED.reason, DEADLINE_EXCEEDED.message);
    const all = [...this.#main, ...this.#init];
    await Promise.all(all.map((container) => container.terminate(this.#grace())));
    this.#failure = DEADLINE_EXCEEDED;
    this.#status.request();
  }

  async #live(): Promise<void> {
    await this.#setUp();
    this.#startEphemeral();
    if (await this.#runInit()) await Promise.all(this.#main.map((container) => container.run()));
    if (this.#stop.signal.aborted) return;
    this.#ended = true;
    // every container has ended for good: the phase says how, and nothing of the pod stays but its logs; its addresses
    // go to others, though the status keeps them
    for (const sidecar of [...this.#init].reverse()) await sidecar.terminate(this.#grace());
    await this.#ephemeral.terminate(0);
    await this.#destroySandbox();
    await this.#removeCgroup();
    await this.#release();
    this.#status.request();
  }

  /** Gives back what the pod had of the node. */
  async #release(): Promise<void> {
    await this.#context.hostPorts.close(this.#pod);
    if (this.#addresses !== undefined) this.#context.pool.release(this.#addresses.index);
    this.#addresses = undefined;
  }

  /** Init containers one after the other; a sidecar is left running once it has started. False: do not go on. */
  async #runInit(): Promise<boolean> {
    for (const container of this.#init) {
      if (this.#stop.signal.aborted) return false;
      if (isSidecar(container.spec)) {
        void container.run();
        await Promise.race([container.whenStarted, aborted(this.#stop.signal)]);
        continue;
      }
      const end = await container.run();
      if (end?.exitCode !== 0) return false;
    }
    return !this.#stop.signal.aborted;
  }

  /** Makes the sandbox, trying again until it works or the pod ends. */
  async #setUp(): Promise<void> {
    let delay = SANDBOX_RETRY_MS;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#ensureSandbox();
        return;
      } catch (error) {
        this.#event(undefined, "Warning", ...setUpFailure(error as Error));
        await pause(delay, this.#stop.signal);
        delay = Math.min(delay * 2, SANDBOX_RETRY_MAX_MS);
      }
    }
  }

  #ensureSandbox(): Promise<Sandbox> {
    this.#sandbox ??= this.#makeSandbox().catch((error) => {
      this.#sandbox = undefined;
      throw error;
    });
    return this.#sandbox;
  }

  async #makeSandbox(): Promise<Sandbox> {
    if (this.#stop.signal.aborted) throw new Error("the pod is ending");
    mkdirSync(this.#logDir, { recursive: true, mode: 0o700 });
    const { plan } = this.#context;
    const families = familiesOfPod(this.#pod, plan.families);
    const link = this.#link();
    this.#podIPs = families
      .map((family) => (link === undefined ? this.#context.node.addresses : link.addresses)[family])
      .filter((address) => address !== undefined);
    const access = this.#volumes.accessFiles();
    access.catch(() => {}); // awaited below
    const sandbox = await createSandbox({
      hostname: this.#pod.spec.hostNetwork ? this.#context.node.name : hostNames(this.#pod, plan).short,
      resolvConf: resolvConf(this.#pod, families, plan),
      hosts: hostsFile(this.#pod, this.#podIPs, plan),
      ...(link === undefined ? {} : { link }),
    });
    const { namespace = "", name } = this.#pod.metadata;
    let givenUp = false; // as something of it could not be made
    void sandbox.ended.then(() => {
      withdrawPod(namespace, name, sandbox.pid);
      if (!givenUp) this.#onSandboxEnd();
    });
    try {
      await this.#volumes.prepare(sandbox.pid, await access);
      await this.#context.hostPorts.open(this.#pod, this.#addresses?.addresses ?? {});
      if (this.#sandboxSeen) await this.#initAgain(sandbox);
    } catch (error) {
      givenUp = true;
      await sandbox.destroy();
      throw error;
    }
    this.#sandboxPid = sandbox.pid;
    const hostNetwork = this.#pod.spec.hostNetwork === true;
    announcePod({ namespace, name, node: this.#context.node.name, pid: sandbox.pid, hostNetwork });
    this.#sandboxReady = true;
    this.#sandboxSeen = true;
    this.#status.request();
    return sandbox;
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

  /** The pod's link to the node; pods in the node's own network have none. */
  #link(): PodLink | undefined {
    if (this.#pod.spec.hostNetwork) return undefined;
    const { plan, pool } = this.#context;
    this.#addresses ??= pool.allocate(familiesOfPod(this.#pod, plan.families));
    if (this.#addresses === undefined) throw new Error("the node's pod range has no address left");
    const { index, addresses } = this.#addresses;
    const v4 = pool.gateway("IPv4");
    return {
      name: `${POD_LINKS}${index}`,
      addresses,
      gateways: { ...(v4 && { IPv4: v4 }), IPv6: GATEWAY_V6 },
    };
  }

  /** The sandbox died (somebody killed it): containers that are started again make a new one. */
  #onSandboxEnd(): void {
    this.#sandbox = undefined;
    this.#sandboxPid = undefined;
    this.#sandboxReady = false;
    if (this.#stop.signal.aborted || this.#ending !== undefined || this.#ended) return;
    this.#event(
      undefined,
      "Normal",
      "SandboxChanged",
      "Pod sandbox changed, it will be killed and re-created.",
    );
    this.#status.request();
  }

  async #destroySandbox(): Promise<void> {
    const sandbox = await this.#sandbox?.catch(() => undefined);
    await sandbox?.destroy();
  }

  /** The pod's control groups, of which one that could not be made is tried again. */
  #ensureCgroup(): Promise<PodCgroup> {
    this.#cgroup ??= this.#context.cgroups.pod(this.#pod.metadata.uid ?? "").catch((error) => {
      this.#cgroup = undefined;
      throw error;
    });
    return this.#cgroup;
  }

  async #removeCgroup(): Promise<void> {
    const cgroup = await this.#cgroup?.catch(() => undefined);
    this.#cgroup = undefined;
    await cgroup?.remove();
  }

  /** Limits that this machine, or the lab, has nothing to enforce them with are told of. */
  #warnOfLimits(): void {
    const { containers, initContainers = [] } = this.#pod.spec;
    for (const container of [...initContainers, ...containers]) {
      for (const name of Object.keys(container.resources?.limits ?? {})) {
        const lacking = this.#context.cgroups.lacking(name);
        if (lacking === undefined) continue;
        const next = lacking.next === undefined ? "" : `; ${lacking.next}`;
        const message = `The lab does not enforce limits (${name}): ${lacking.why}${next}`;
        this.#event(container, "Warning", "LimitsNotEnforced", message);
      }
    }
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
    await this.#destroySandbox();
    await this.#lived;
    await this.#removeCgroup();
    await this.#release();
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
      sandboxReady: this.#sandboxReady,
      podIPs: this.#sandboxSeen ? this.#podIPs : [],
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
      sandbox: () => this.#ensureSandbox(),
      cgroup: () => this.#ensureCgroup(),
      environment: (container) =>
        environmentOf(this.#withAddresses(), container, context.plan, context.reader),
      mounts: (container, env) => mountsOf(this.#pod, container, env),
      logDir: this.#logDir,
      images: context.images,
      exec: execToEnd,
      event: (container, type, reason, message) => this.#event(container, type, reason, message),
      changed: () => this.#status.request(),
    };
  }

  #listOf(container: Container): string {
    const has = (runners: readonly ContainerRunner[]) => runners.some(({ spec }) => spec === container);
    if (has(this.#init)) return "initContainers";
    return has(this.#ephemeral.runners) ? "ephemeralContainers" : "containers";
  }

  #event(
    container: Container | undefined,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
  ): void {
    const { name, namespace, uid, resourceVersion } = this.#pod.metadata;
    const fieldPath =
      container === undefined ? {} : { fieldPath: `spec.${this.#listOf(container)}{${container.name}}` };
    const object = { kind: "Pod", apiVersion: "v1", name, namespace, uid, resourceVersion, ...fieldPath };
    this.#context.events.record({ object: object as never, type, reason, message });
  }
}

/** Reason and message of the event, as the kubelet's. */
function setUpFailure(error: Error): [reason: string, message: string] {
  if (error instanceof MountFailed) return ["FailedMount", error.message];
  return ["FailedCreatePodSandBox", `Failed to create pod sandbox: ${error.message}`];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
