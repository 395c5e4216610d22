/** Carries what changed from the models to sidecars, and statuses of routes back. */
import type { StatusWriter } from "../../controllers/gateway/index.ts";
import type { Account, Identities } from "../../controllers/mesh/index.ts";
import type { AdsServer } from "../../envoy/ads/index.ts";
import type { MeshOutput, SidecarChanges } from "../../envoy/mesh/index.ts";
import type { Family } from "../../ip/family.ts";
import { GATEWAY_KINDS } from "../../objects/gateway/index.ts";
import { MESH_KINDS } from "../../objects/mesh/index.ts";
import type { TrafficModel } from "../../traffic/index.ts";
import {
  accountOfIdentity,
  type IncrementalMeshModel,
  type MeshChanges,
  type Sidecar,
} from "../../traffic/mesh/index.ts";
import type { Refusals } from "./refusals.ts";
import { allOrLate } from "../xds/all-or-late.ts";
import { Quiet } from "../xds/quiet.ts";
import { Turns } from "../xds/turns.ts";

/** What the pump connects. */
export interface MeshPumpParts {
  readonly model: IncrementalMeshModel;
  readonly traffic: TrafficModel;
  readonly output: MeshOutput;
  readonly ads: AdsServer;
  readonly identities: Identities;
  readonly statuses: StatusWriter;
  readonly refusals: Refusals;
  readonly trustDomain: string;
  readonly log: (line: string) => void;
  /** Called when nothing happens any more after a lot has. */
  readonly onQuiet?: () => void;
}

/** The kinds whose statuses are written. */
const STATUS_KINDS = { ...GATEWAY_KINDS, ...MESH_KINDS };

/** A route's status waits so long (ms) for sidecars to take it in; then it is written anyway. */
const APPLIED_WAIT = 5_000;

/** Sidecars are served once they have a certificate. */
export class MeshPump {
  readonly #parts: MeshPumpParts;
  readonly #turns = new Turns(() => this.#step());
  /** Accounts whose certificates changed. */
  readonly #renewed = new Set<string>();
  /** Sidecars by their accounts, `namespace/account`. */
  readonly #sidecarsOf = new Map<string, Set<string>>();
  readonly #accountOf = new Map<string, string>();
  /** Pods that have come: a mesh may have thousands, of which each control plane serves those that come to it. */
  readonly #here = new Set<string>();
  /** Of those the sidecars that have been told what they are to have. */
  readonly #served = new Set<string>();
  /** Pods that came before their objects, by what they said they are; bounded by {@link MOST_CLAIMS}. */
  readonly #claims = new Map<string, string>();
  readonly #quiet: Quiet;

  constructor(parts: MeshPumpParts) {
    this.#parts = parts;
    this.#quiet = new Quiet(() => parts.onQuiet?.());
  }

  /** Begins, with all that the models hold; to be called when they know everything that there is. */
  start(signal: AbortSignal): void {
    const { model, traffic, ads } = this.#parts;
    const ends = [this.#turns.follow(model, traffic), ads.onNack((nack) => this.#parts.refusals.add(nack))];
    signal.addEventListener("abort", () => {
      this.#quiet.stop();
      for (const end of ends) end();
    });
    this.#turns.now();
  }

  /** Takes note that an account has another certificate, or trusts others. */
  renewed({ namespace, account }: Account): void {
    this.#renewed.add(`${namespace}/${account}`);
    this.#turns.plan();
  }

  /**
   * The sidecar that a node may be, by its pod and its certificate: the pod has to run under that account. A pod that
   * is not known yet may come if it is of that namespace; it is sent away if it turns out to be another's.
   */
  authorize(pod: string, identity: string): string | undefined {
    const sidecar = this.#parts.model.sidecars.get(pod);
    if (sidecar !== undefined) {
      if (sidecar.identity !== identity) return undefined;
      if (!this.#here.has(pod)) {
        this.#here.add(pod);
        setImmediate(() => this.#serve(pod));
      }
      return pod;
    }
    const account = accountOfIdentity(this.#parts.trustDomain, identity);
    if (account === undefined || !pod.startsWith(`${account.namespace}/`)) return undefined;
    const before = this.#claims.get(pod);
    if (before !== undefined && before !== identity) return undefined;
    if (this.#claims.size >= MOST_CLAIMS) this.#claims.delete(this.#claims.keys().next().value as string);
    this.#claims.set(pod, identity);
    return pod;
  }

  /** Has all applications that speak xDS themselves served, under one key, from the first of them on. */
  serveClients(key: string, families: readonly Family[]): string {
    if (!this.#served.has(key)) {
      this.#served.add(key);
      this.#parts.ads.replace(key, this.#parts.output.clientResources(key, families));
    }
    return key;
  }

  #step(): void {
    this.#quiet.note();
    try {
      const { model, output, traffic } = this.#parts;
      const changes = model.flush();
      this.#follow(changes);
      this.#send(output.update(model, changes, (key) => traffic.get(key)));
      const { frontends } = this.#turns;
      if (frontends.size > 0) this.#send(output.endpointsChanged(frontends));
      frontends.clear();
      if (this.#renewed.size > 0) this.#send(output.identitiesChanged(this.#takeRenewed()));
      this.#announce(changes.statuses);
    } catch (error) {
      this.#parts.log(`mesh: ${(error as Error).stack ?? String(error)}`);
    }
  }

  /** Keeps accounts, claims and servers in step with the pods. */
  #follow({ sidecars }: MeshChanges): void {
    for (const [key, sidecar] of sidecars) {
      this.#file(key, sidecar);
      if (sidecar === undefined) {
        this.#served.delete(key);
        this.#here.delete(key);
        this.#parts.refusals.remove(key);
        this.#parts.ads.remove(key);
        continue;
      }
      const claim = this.#claims.get(key);
      this.#claims.delete(key);
      if (claim === sidecar.identity) this.#here.add(key);
      else if (claim !== undefined) this.#parts.ads.remove(key);
    }
  }

  #file(key: string, sidecar: Sidecar | undefined): void {
    const before = this.#accountOf.get(key);
    const account = sidecar && accountOfIdentity(this.#parts.trustDomain, sidecar.identity);
    const after = account && `${account.namespace}/${account.account}`;
    if (before === after) return;
    if (before !== undefined) {
      this.#accountOf.delete(key);
      const others = this.#sidecarsOf.get(before);
      others?.delete(key);
      if (others?.size === 0) this.#forget(before);
    }
    if (account === undefined || after === undefined) return;
    this.#accountOf.set(key, after);
    const members = this.#sidecarsOf.get(after) ?? new Set();
    this.#sidecarsOf.set(after, members.add(key));
    this.#parts.identities.want(account);
  }

  #forget(key: string): void {
    this.#sidecarsOf.delete(key);
    const [namespace = "", account = ""] = key.split("/");
    this.#parts.identities.forget({ namespace, account });
  }

  #takeRenewed(): string[] {
    const sidecars = [...this.#renewed].flatMap((account) => [...(this.#sidecarsOf.get(account) ?? [])]);
    this.#renewed.clear();
    return sidecars;
  }

  #send({ changed, renewed }: SidecarChanges): void {
    for (const [key, list] of changed) {
      if (this.#served.has(key)) this.#parts.ads.set(key, list);
      else this.#serve(key);
      void this.#parts.refusals.recheck(key);
    }
    for (const key of renewed) {
      this.#serve(key);
      void this.#parts.refusals.recheck(key);
    }
  }

  /** The first of what a sidecar is told is everything, and not before it has a certificate. */
  #serve(key: string): void {
    const { ads, output, model, identities, trustDomain } = this.#parts;
    const sidecar = this.#here.has(key) ? model.sidecars.get(key) : undefined;
    const account = sidecar && accountOfIdentity(trustDomain, sidecar.identity);
    if (account === undefined || identities.get(account) === undefined) return;
    this.#served.add(key);
    this.#quiet.note(WHOLE_CONFIGURATION);
    ads.replace(key, output.resources(key));
  }

  /** Has statuses written once sidecars have answered, so that what is Accepted is served. */
  #announce(statuses: MeshChanges["statuses"]): void {
    if (statuses.size === 0) return;
    const wishes = [...statuses.values()].map(({ kind, key, status }) => {
      return { kind: STATUS_KINDS[kind], key, status };
    });
    const answers = [...this.#served].map((key) => this.#parts.ads.applied(key));
    void allOrLate(answers, APPLIED_WAIT).then(() => this.#parts.statuses.set(wishes));
  }
}

const MOST_CLAIMS = 10_000;
/** What all that a sidecar should have leaves behind, in steps (see Quiet). */
const WHOLE_CONFIGURATION = 20;
