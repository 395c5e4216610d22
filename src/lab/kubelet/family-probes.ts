/**
 * Probes a container at each address of its pod, so that a server bound to one family is seen for what it is. The
 * verdicts become conditions of the pod; Kubernetes' own Ready, which knows one address, stays as it is.
 */
import { familyOfText } from "../../ip/address.ts";
import type { Family, PerFamily } from "../../ip/family.ts";
import type { Container, Probe } from "../../objects/types.ts";
import { deafPort, explainSilence, type Listener, type Silence } from "./listeners.ts";
import { portOf, type ProbeTarget, tryProbe } from "./probe.ts";
import { pause, runProber } from "./prober.ts";

/** `true`: answers; otherwise why it does not. */
export type FamilyVerdict = true | Silence;
/** The verdicts of a run, as far as there are any. */
export type FamilyVerdicts = PerFamily<FamilyVerdict>;

/** What the probes of one run of a container need. */
export interface FamilyProbeOptions {
  readonly container: Container;
  /** status.podIPs; the first one is where Kubernetes' own probes go. */
  readonly podIPs: readonly string[];
  readonly target: ProbeTarget;
  /** What listens in the pod's network now. */
  readonly listeners: () => readonly Listener[];
  /** Called with the verdict of one family when it changes. */
  readonly onVerdict: (family: Family, verdict: FamilyVerdict) => void;
  readonly signal: AbortSignal;
}

/** Follows one run of a container. {@link primary} takes the verdicts of its own readiness probe. */
export class FamilyProbes {
  readonly #options: FamilyProbeOptions;
  readonly #probe: Probe | undefined;
  /** Addresses with a verdict in this run. */
  readonly #judged = new Set<string>();
  /** How many looks in turn have found that the pod hears nobody but itself. */
  #deafLooks = 0;

  constructor(options: FamilyProbeOptions) {
    this.#options = options;
    const { readinessProbe } = options.container;
    // A probe of another host, or a command, says nothing about the pod's addresses.
    const action = readinessProbe?.httpGet ?? readinessProbe?.tcpSocket;
    this.#probe = action !== undefined && !action.host ? readinessProbe : undefined;
  }

  /** Starts them; they end with the signal. */
  start(): void {
    const [, ...others] = this.#options.podIPs;
    if (this.#probe === undefined) void this.#watchPorts();
    else for (const address of others) void this.#probeAt(address, this.#probe);
  }

  /**
   * The container's own readiness probe has found something, at the primary address. Where that answers, and nothing is
   * known of the others yet, one look at them counts: like Ready itself, readiness per family has to be earned.
   */
  primary(ok: boolean): void {
    const [address, ...others] = this.#options.podIPs;
    const probe = this.#probe;
    if (probe === undefined || address === undefined) return;
    this.#tell(address, this.#port(probe), ok, "");
    for (const other of ok ? others : []) void this.#lookAt(other, probe);
  }

  async #lookAt(address: string, probe: Probe): Promise<void> {
    if (this.#judged.has(address)) return;
    const { ok, message } = await tryProbe(probe, { ...this.#options.target, podIP: address });
    if (!this.#judged.has(address)) this.#tell(address, this.#port(probe), ok, message);
  }

  /** The same probe with its own thresholds, at another address. */
  #probeAt(address: string, probe: Probe): Promise<void> {
    let last = "";
    const listener = {
      onFailure: (message: string) => {
        last = message;
      },
      onVerdict: (ok: boolean) => this.#tell(address, this.#port(probe), ok, last),
    };
    const { target, signal } = this.#options;
    return runProber(probe, "Readiness", { ...target, podIP: address }, listener, signal);
  }

  /**
   * Without such a probe: the TCP ports that the container declares. A port that answers at no address says nothing (it
   * may be for later, or for the pod itself), unless all of the pod listens on loopback alone; one that answers at some
   * tells about the others.
   */
  async #watchPorts(): Promise<void> {
    const { container, podIPs, signal } = this.#options;
    const ports = (container.ports ?? [])
      .filter(({ protocol }) => (protocol ?? "TCP") === "TCP")
      .map(({ containerPort }) => containerPort)
      .slice(0, MAX_PORTS);
    let wait = FIRST_WAIT_MS;
    while (ports.length > 0 && podIPs.length > 1 && !signal.aborted) {
      const known = await this.#lookAtPorts(ports);
      if (signal.aborted) return;
      const isUnsure = this.#deafLooks > 0 && this.#deafLooks < DEAF_LOOKS;
      wait = known ? PERIOD_MS : isUnsure ? DEAF_WAIT_MS : Math.min(wait * 2, PERIOD_MS);
      await pause(wait, signal);
    }
  }

  /** One look at all ports; true when any answered anywhere. */
  async #lookAtPorts(ports: readonly number[]): Promise<boolean> {
    const { podIPs, target, signal } = this.#options;
    const silent = new Map<string, { port: number; message: string }>();
    let known = false;
    for (const port of ports) {
      const tries = podIPs.map((podIP) => tryProbe({ tcpSocket: { port } }, { ...target, podIP }));
      const results = await Promise.all(tries);
      if (!results.some(({ ok }) => ok)) continue;
      known = true;
      results.forEach(({ ok, message }, index) => {
        if (!ok) silent.set(podIPs[index] as string, { port, message });
      });
    }
    if (signal.aborted) return false;
    if (!known) {
      this.#judgeDeaf(deafPort(ports, this.#options.listeners()));
      return false;
    }
    this.#deafLooks = 0;
    for (const address of podIPs) {
      const failure = silent.get(address);
      this.#tell(address, failure?.port ?? 0, failure === undefined, failure?.message ?? "");
    }
    return true;
  }

  /** One look is not enough: an application, or another container before it, may be about to listen elsewhere. */
  #judgeDeaf(port: number | undefined): void {
    const wasDeaf = this.#deafLooks >= DEAF_LOOKS;
    this.#deafLooks = port === undefined ? 0 : this.#deafLooks + 1;
    const isDeaf = this.#deafLooks >= DEAF_LOOKS;
    if (isDeaf === wasDeaf) return;
    for (const address of this.#options.podIPs) this.#tell(address, port ?? 0, !isDeaf, "");
  }

  #tell(address: string, port: number, ok: boolean, failure: string): void {
    const family = familyOfText(address);
    if (family === undefined || this.#options.signal.aborted) return;
    this.#judged.add(address);
    const why = () =>
      explainSilence(family, address, port, this.#options.listeners(), failure || "probe failed");
    this.#options.onVerdict(family, ok || why());
  }

  #port(probe: Probe): number {
    const action = probe.httpGet ?? probe.tcpSocket;
    try {
      return portOf(action?.port ?? 0, this.#options.container);
    } catch {
      return 0; // a name that no port has; the probe itself says so
    }
  }
}

const MAX_PORTS = 8;
const FIRST_WAIT_MS = 50;
const PERIOD_MS = 10_000;
const DEAF_LOOKS = 3;
const DEAF_WAIT_MS = 300;
