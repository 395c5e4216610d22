/** Carries what changed from the models to xDS, infrastructure and statuses, and what came of it back. */
import type { GatewayInfrastructure, StatusWriter } from "../../controllers/gateway/index.ts";
import type { EnvoyOutput } from "../../envoy/desired/index.ts";
import type { AdsServer, Nack } from "../../envoy/ads/index.ts";
import type { ResourceChange } from "../../envoy/resources.ts";
import { GATEWAY_KINDS, type Gateway, TANDEM_GATEWAY_KINDS } from "../../objects/gateway/index.ts";
import type { DesiredStatus, GatewayChanges, GatewayModel } from "../../traffic/gateway/index.ts";
import type { TrafficModel } from "../../traffic/index.ts";
import { requestOf } from "./infrastructure.ts";
import type { GatewayMesh } from "./mesh.ts";
import { allOrLate } from "../xds/all-or-late.ts";
import { Quiet } from "../xds/quiet.ts";
import type { RefusalBook } from "../xds/refusal-book.ts";
import type { Sources } from "../xds/sources.ts";
import { Turns } from "../xds/turns.ts";

/** The kinds whose statuses are written. */
const STATUS_KINDS = { ...GATEWAY_KINDS, ...TANDEM_GATEWAY_KINDS };

/** What the pump connects. */
export interface PumpParts {
  readonly model: GatewayModel;
  readonly traffic: TrafficModel;
  readonly output: EnvoyOutput;
  readonly ads: AdsServer;
  readonly infrastructure: GatewayInfrastructure;
  readonly statuses: StatusWriter;
  readonly sources: Sources;
  readonly refusals: RefusalBook;
  /** Where Gateways are in the mesh, if there is one. */
  readonly mesh?: Pick<GatewayMesh, "takeChanges" | "isIssuing" | "onDirty">;
  readonly log: (line: string) => void;
  /** Whether proxies of a Gateway that are not connected here may be served by another replica. Never, unless given. */
  readonly mayBeElsewhere?: (key: string) => boolean;
  /** Called when nothing happens any more after a lot has. */
  readonly onQuiet?: () => void;
}

/** A status waits so long for its proxies to take the configuration in, in milliseconds; then it is written anyway. */
const APPLIED_WAIT = 10_000;
/** After a start, statuses wait so long (ms) for what is there already to be known, lest they go back and forth. */
const START_WAIT = 3_000;
/** Another replica's proxies have a change about when ours have it: statuses give them so long, in milliseconds. */
const ELSEWHERE_WAIT = 1_000;
/** The first configuration of a proxy waits so long for its certificate for the mesh, in milliseconds. */
const ISSUED_WAIT = 20_000;
/** How often proxies that are not connected yet are looked for, in milliseconds. */
const LOOK_PERIOD = 100;

/** Statuses follow once the proxies that they speak of have answered, so that what is Accepted is served. */
export class Pump {
  readonly #parts: PumpParts;
  readonly #turns = new Turns(() => this.#step());
  /** The newest status of each object that waits for its proxies. */
  readonly #waiting = new Map<string, DesiredStatus>();
  /** Gateways without a proxy that is connected, and since when (milliseconds of the monotonic clock). */
  readonly #missing = new Map<string, number>();
  /** Gateways whose proxies have been told what they are to have. */
  readonly #told = new Set<string>();
  /** Those that wait to be told until they have a certificate, each with what ends its waiting. */
  readonly #held = new Map<string, NodeJS.Timeout>();
  /** Resolves when the proxies that were there at the start have been heard of. */
  readonly #started = Promise.withResolvers<void>();
  readonly #quiet: Quiet;

  constructor(parts: PumpParts) {
    this.#parts = parts;
    this.#quiet = new Quiet(() => parts.onQuiet?.());
  }

  /** Begins, with all that the models hold; to be called when they know everything that there is. */
  start(signal: AbortSignal): void {
    const { model, traffic, ads, mesh } = this.#parts;
    const ends = [this.#turns.follow(model, traffic), ads.onNack((nack) => this.#onNack(nack))];
    if (mesh !== undefined) ends.push(mesh.onDirty(() => this.#turns.plan()));
    const timer = setInterval(() => this.#lookForProxies(), LOOK_PERIOD);
    const startTimer = setTimeout(() => this.#started.resolve(), START_WAIT);
    signal.addEventListener("abort", () => {
      clearInterval(timer);
      clearTimeout(startTimer);
      for (const held of this.#held.values()) clearTimeout(held);
      this.#quiet.stop();
      for (const end of ends) end();
    });
    this.#turns.now();
  }

  #step(): void {
    try {
      const changes = this.#parts.model.flush();
      this.#sendProxies(changes);
      this.#sendEndpoints();
      this.#sendMesh();
      this.#setInfrastructure(changes);
      this.#announce(changes.statuses);
      this.#quiet.note();
    } catch (error) {
      this.#parts.log(`gateways: ${(error as Error).stack ?? String(error)}`);
    }
  }

  #sendProxies({ proxies }: GatewayChanges): void {
    const { ads, output, traffic } = this.#parts;
    for (const [key, proxy] of proxies) {
      if (proxy === undefined) {
        output.remove(key);
        ads.remove(key);
        this.#parts.refusals.remove(key);
        this.#missing.delete(key);
        this.#told.delete(key);
        this.#unhold(key);
        continue;
      }
      const changes = output.update(proxy, (frontend) => traffic.get(frontend));
      if (!this.#told.has(key) && this.#parts.mesh?.isIssuing(key)) this.#hold(key);
      this.#told.add(key);
      this.#send(key, changes);
      if (!this.#held.has(key)) this.#settle(key);
    }
  }

  #send(key: string, changes: readonly ResourceChange[]): void {
    if (!this.#held.has(key)) this.#parts.ads.set(key, changes);
    else if (this.#parts.mesh?.isIssuing(key) !== true) this.#release(key);
  }

  /**
   * A control plane that starts has no certificates for the mesh at first: proxies that show one would speak plain bytes
   * for a moment, which strict ports do not take.
   */
  #hold(key: string): void {
    const timer = setTimeout(() => this.#release(key), ISSUED_WAIT);
    this.#held.set(key, timer.unref());
  }

  #unhold(key: string): void {
    clearTimeout(this.#held.get(key));
    this.#held.delete(key);
  }

  #release(key: string): void {
    this.#unhold(key);
    this.#parts.ads.replace(key, this.#parts.output.resources(key));
    this.#settle(key);
  }

  /** Who is met by mutual TLS, and as whom. */
  #sendMesh(): void {
    const { mesh, output } = this.#parts;
    if (mesh === undefined) return;
    const { pods, renewed } = mesh.takeChanges();
    if (pods.size > 0) for (const [key, changes] of output.peersChanged(pods)) this.#send(key, changes);
    for (const key of renewed) if (this.#told.has(key)) this.#send(key, output.identityChanged(key));
  }

  #sendEndpoints(): void {
    const { output } = this.#parts;
    const all = new Map<string, ResourceChange[]>();
    for (const frontend of this.#turns.frontends) {
      for (const [proxy, changes] of output.endpointsChanged(frontend)) {
        const list = all.get(proxy);
        if (list === undefined) all.set(proxy, [...changes]);
        else list.push(...changes);
      }
    }
    this.#turns.frontends.clear();
    for (const [proxy, changes] of all) this.#send(proxy, changes);
  }

  #setInfrastructure({ infrastructure: wanted }: GatewayChanges): void {
    const { infrastructure, sources } = this.#parts;
    for (const [key, one] of wanted) {
      const gateway = sources.get(GATEWAY_KINDS.Gateway, key) as Gateway | undefined;
      if (one === undefined || gateway === undefined) infrastructure.set(key, undefined);
      else if (one.accepted) infrastructure.set(key, requestOf(one, gateway));
    }
  }

  /** Has statuses written once their proxies have answered. */
  #announce(statuses: GatewayChanges["statuses"]): void {
    const answers = new Map<string, { proxies: readonly string[]; ids: string[] }>();
    for (const [id, status] of statuses) {
      this.#waiting.set(id, status);
      const name = status.proxies.join();
      const group = answers.get(name) ?? { proxies: status.proxies, ids: [] };
      group.ids.push(id);
      answers.set(name, group);
    }
    for (const { proxies, ids } of answers.values()) {
      const wishes = ids.map((id) => this.#waiting.get(id) as DesiredStatus);
      void this.#applied(proxies).then(() => this.#write(ids, wishes));
    }
  }

  /** Only what is still the newest; what was refused meanwhile has become another status. */
  #write(ids: readonly string[], wishes: readonly DesiredStatus[]): void {
    const current = ids.flatMap((id, index) => {
      const wish = wishes[index] as DesiredStatus;
      if (this.#waiting.get(id) !== wish) return [];
      this.#waiting.delete(id);
      return [{ kind: STATUS_KINDS[wish.kind], key: wish.key, status: wish.status }];
    });
    this.#parts.statuses.set(current);
  }

  /** Resolves when proxies have answered all that they were sent, or in the end without; the model knows by then. */
  async #applied(proxies: readonly string[]): Promise<void> {
    if (proxies.length === 0) return;
    await this.#started.promise;
    const answers = proxies.map((proxy) => this.#answered(proxy));
    await allOrLate(answers, APPLIED_WAIT);
    if (this.#turns.isPlanned) this.#turns.now();
  }

  /** Tells the model when a proxy has taken in what it has now, and what it refuses of that. */
  async #answered(key: string): Promise<void> {
    const { ads, model } = this.#parts;
    await ads.applied(key);
    if (model.proxy(key) === undefined) return;
    if (ads.status(key).length === 0) return this.#miss(key);
    model.setApplied(key, true);
    this.#parts.refusals.recheck(key);
  }

  /** Waits for a proxy's answer, or for the proxy. */
  #settle(key: string): void {
    const { ads, model } = this.#parts;
    if (!this.#missing.has(key) && ads.status(key).length > 0) return void this.#applied([key]);
    void this.#miss(key);
    if (!this.#mayBeElsewhere(key)) model.setApplied(key, false);
  }

  /** Notes that no proxy is connected; resolves when those of another replica had their time. */
  async #miss(key: string): Promise<void> {
    if (!this.#missing.has(key)) this.#missing.set(key, performance.now());
    if (!this.#mayBeElsewhere(key)) return;
    await new Promise<void>((resolve) => void setTimeout(resolve, ELSEWHERE_WAIT).unref());
  }

  #mayBeElsewhere(key: string): boolean {
    return this.#parts.mayBeElsewhere?.(key) ?? false;
  }

  #lookForProxies(): void {
    if (this.#missing.size === 0) this.#started.resolve();
    for (const [key, since] of this.#missing) {
      if (this.#parts.ads.status(key).length > 0) {
        this.#missing.delete(key);
        this.#settle(key);
      } else if (performance.now() - since >= APPLIED_WAIT && this.#mayBeElsewhere(key)) {
        this.#parts.model.setApplied(key, true);
      }
    }
  }

  #onNack(nack: Nack): void {
    this.#parts.log(`the proxy of Gateway ${nack.proxy} refuses ${nack.kind} ${nack.name}: ${nack.message}`);
    this.#parts.refusals.add(nack);
  }
}
