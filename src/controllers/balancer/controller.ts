/** Keeps the load balancers of Services as they should be, by whatever provider; safe to be ended at any point. */
import type { Informer } from "../../client/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { EndpointSlice, Node, Service } from "../../objects/types.ts";
import type { BalancerFinding, BalancerModel } from "../../traffic/balancer/model.ts";
import type { BalancerContext, BalancerOutcome } from "../../traffic/balancer/provider.ts";
import { SERVICE_NAME_LABEL } from "../../traffic/index.ts";
import type { ControllerContext } from "../runtime/context.ts";
import type { WorkQueue } from "../runtime/work-queue.ts";
import { type GoneService, GoneServices } from "./gone.ts";
import { concernsTargets } from "./node-changes.ts";
import {
  BALANCER_FINALIZER,
  type BalancerCluster,
  type BalancerControllerOptions,
  NO_CLUSTER,
} from "./options.ts";
import { liveOf } from "./orphans.ts";
import { ServiceWriter } from "./service-writer.ts";
import { SERVED_AS_ANNOTATION, servedAs, UnderstoodServices } from "./understood.ts";

const RESYNC_MS = 600_000;
const WORKERS = 3;
const FIRST_RETRY_MS = 500;
/** After so long what is left of a Service that went is tried again, where AWS or the host refused. */
const GONE_RETRY_MS = 30_000;

/** One controller for one provider. */
export class BalancerController {
  readonly #options: BalancerControllerOptions;
  readonly #context: ControllerContext;
  readonly #services: Informer<Service>;
  readonly #nodes: Informer<Node>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #queue: WorkQueue;
  readonly #writer: ServiceWriter;
  /** What each Service was last served with: the same again costs nothing. */
  readonly #served = new Map<string, string>();
  /** What was last said of each Service's fields, so that it is said once. */
  readonly #told = new Map<string, string>();
  readonly #understood = new UnderstoodServices();
  /** Services whose endpoints are targets. */
  readonly #byEndpoints = new Set<string>();
  readonly #gone: GoneServices;

  constructor(context: ControllerContext, options: BalancerControllerOptions) {
    this.#context = context;
    this.#options = options;
    this.#writer = new ServiceWriter(context);
    this.#gone = new GoneServices(options.goneGraceMs ?? 0);
    this.#services = context.informers.of(KINDS.Service);
    this.#nodes = context.informers.of(KINDS.Node);
    this.#slices = context.informers.of(KINDS.EndpointSlice);
    const { workers = WORKERS } = options;
    const queue = { name: "balancer", workers, firstRetry: FIRST_RETRY_MS, maxRetries: Infinity };
    this.#queue = context.queue(queue, (key) => this.#settle(key));
    this.#follow();
  }

  /** The Services that something may belong to: uid by key. */
  live(): Map<string, string> {
    return liveOf(this.#services.list(), this.#options.translate);
  }

  /** Whether what was made for an earlier Service of a key stays for now, as its grace period runs. */
  keeps(key: string): boolean {
    return this.#gone.keeps(key, this.#services.get(key));
  }

  #follow(): void {
    this.#services.onChange(({ object }) => this.#queue.add(objectKey(object)));
    this.#nodes.onChange((change) => concernsTargets(change) && this.#addAll(this.#served.keys()));
    this.#slices.onChange(({ object }) => {
      const key = `${object.metadata.namespace}/${object.metadata.labels?.[SERVICE_NAME_LABEL]}`;
      if (this.#byEndpoints.has(key)) this.#queue.add(key);
    });
    this.#context.every(this.#options.resyncMs ?? RESYNC_MS, () => {
      this.#served.clear();
      this.#addAll(this.#services.list().map(objectKey));
    });
  }

  #addAll(keys: Iterable<string>): void {
    for (const key of keys) this.#queue.add(key);
  }

  async #settle(key: string): Promise<void> {
    const service = this.#services.get(key);
    await this.#cleanUpAfter(key, service);
    if (service === undefined) return this.#forget(key);
    const { ownership } = this.#options.translate(service, NO_CLUSTER);
    if (!ownership.owned && ownership.anothers) return;
    if (this.#writer.hasFinalizer(service)) this.#gone.own(key, service);
    if (service.metadata.deletionTimestamp !== undefined) return this.#release(key, service);
    if (ownership.owned) return this.#understand(key, service);
    // most Services are no load balancers: nothing is collected for them
    const remarks = ownership.finding === undefined ? [] : [ownership.finding];
    this.#tell(
      key,
      service,
      ownership.stays ? [...remarks, ...this.#kept(key, service, ownership.reason)] : remarks,
    );
    return ownership.stays ? this.#serveAsBefore(key, service) : this.#release(key, service);
  }

  async #understand(key: string, service: Service): Promise<void> {
    const { model, findings } = this.#options.translate(service, this.#clusterFor(service));
    const failed = model === undefined || findings.some(({ level }) => level === "error");
    this.#tell(key, service, failed ? [...findings, ...this.#kept(key, service)] : findings);
    if (failed) return this.#serveAsBefore(key, service);
    this.#understood.remember(key, service);
    await this.#serve(key, service, model, service);
  }

  /**
   * A mistake in a Service keeps the mistake from being served, not its load balancer from following nodes and pods: it
   * is served as it was last understood.
   */
  async #serveAsBefore(key: string, service: Service): Promise<void> {
    const before = this.#understood.before(key, service);
    if (before === undefined || !this.#writer.hasFinalizer(service)) return;
    const { model, findings } = this.#options.translate(before, this.#clusterFor(before));
    if (model === undefined || findings.some(({ level }) => level === "error")) return;
    await this.#serve(key, service, model, before);
  }

  #clusterFor(service: Service): BalancerCluster {
    return {
      nodes: this.#nodes.list(),
      endpointSlices: this.#slicesOf(service),
      services: this.#services.list(service.metadata.namespace),
    };
  }

  /** What a Service that cannot be served is told of what was made for it before. */
  #kept(key: string, service: Service, why?: string): BalancerFinding[] {
    if (!this.#writer.hasFinalizer(service)) return [];
    const known = this.#understood.before(key, service) !== undefined;
    const how = known
      ? "it follows nodes and pods, but no change of the Service"
      : "it follows nothing, as it is not known how the Service was before its mistake";
    const message = `what was made for the Service before stays${why === undefined ? "" : `, although ${why}`}: ${how}`;
    const next = "delete the Service, or change spec.type, if its load balancer is to go";
    return [{ level: "warning", field: "metadata.finalizers", message, next }];
  }

  /** Serves a Service by the model of what it is understood as: itself, or itself before a mistake. */
  async #serve(key: string, service: Service, model: BalancerModel, understood: Service): Promise<void> {
    const finalizer = this.#writer.hasFinalizer(service);
    const known = { [SERVED_AS_ANNOTATION]: servedAs(understood) };
    if (finalizer && this.#served.get(key) === fingerprint(service, model))
      return this.#writer.writeAnnotations(service, known);
    this.#served.set(key, "");
    if (model.targetType === "ip") this.#byEndpoints.add(key);
    else this.#byEndpoints.delete(key);
    if (!finalizer && this.#gone.owns(key, service)) this.#writer.event(service, RESTORED);
    await this.#writer.addFinalizer(service, known);
    this.#gone.own(key, service);
    const outcome = await this.#asked(service, (context) => this.#options.provider.serve(model, context));
    const current = this.#services.get(key) ?? service;
    await this.#writer.writeAnnotations(current, outcome.annotations);
    if (outcome.ingress !== undefined) await this.#writer.writeStatus(current, outcome.ingress);
    for (const event of outcome.events) this.#writer.event(service, event);
    if (outcome.done) this.#served.set(key, fingerprint(service, model, outcome.ingress));
    if (outcome.againAfterMs !== undefined) this.#comeAgain(key, outcome.againAfterMs);
  }

  /** Removes what was made for a Service that is going or no longer ours; the finalizer goes when nothing is left. */
  async #release(key: string, service: Service): Promise<void> {
    this.#served.delete(key);
    this.#byEndpoints.delete(key);
    this.#understood.forget(key);
    if (!this.#writer.hasFinalizer(service) && !this.#gone.owns(key, service)) return;
    const { uid = "" } = service.metadata;
    const outcome = await this.#asked(service, (context) =>
      this.#options.provider.release({ key, uid }, context),
    );
    for (const event of outcome.events) this.#writer.event(service, event);
    if (outcome.againAfterMs !== undefined) this.#comeAgain(key, outcome.againAfterMs);
    if (!outcome.done) return;
    this.#gone.disown(key);
    await this.#writer.writeStatus(service, []);
    const going = service.metadata.deletionTimestamp !== undefined;
    await this.#writer.writeAnnotations(service, {
      ...outcome.annotations,
      ...(!going && { [SERVED_AS_ANNOTATION]: null }),
    });
    await this.#writer.removeFinalizer(this.#services.get(key) ?? service);
  }

  /** Sees to what is left of Services that went without being released, however a later one of the same name fares. */
  async #cleanUpAfter(key: string, current: Service | undefined): Promise<void> {
    const { now = () => new Date(), log } = this.#options;
    const time = now().getTime();
    const news = this.#gone.notice(key, current, time);
    if (news !== undefined) this.#say(key, news, `${LEFT}; it is removed ${whenText(news.dueAt - time)}`);
    for (const gone of this.#gone.of(key))
      if (gone.dueAt > time) this.#queue.addAfter(key, gone.dueAt - time);
      else
        await this.#removeLeft(key, gone).catch((error: unknown) => {
          log?.(`what is left of Service ${key} (tried again): ${(error as Error).message}`);
          this.#queue.addAfter(key, GONE_RETRY_MS);
        });
  }

  async #removeLeft(key: string, gone: GoneService): Promise<void> {
    const { uid = "", annotations = {} } = gone.service.metadata;
    const ingress = gone.service.status?.loadBalancer?.ingress ?? [];
    const context = { annotations, ingress, signal: this.#context.signal };
    const { done, events, againAfterMs } = await this.#options.provider.release({ key, uid }, context);
    if (!done && againAfterMs !== undefined) return this.#queue.addAfter(key, againAfterMs);
    this.#gone.settled(key, gone);
    const why = events.map(({ message }) => message).join("; ");
    this.#say(key, gone, done ? "what was made for it is removed" : `what was made for it stays: ${why}`);
  }

  #say(key: string, { service }: GoneService, what: string): void {
    this.#options.log?.(`Service ${key} (uid ${service.metadata.uid}) went without clean-up: ${what}`);
    const message = `The Service went without clean-up: ${what}`;
    this.#writer.event(service, { type: "Warning", reason: "GoneWithoutCleanUp", message });
  }

  async #asked(
    service: Service,
    ask: (context: BalancerContext) => Promise<BalancerOutcome>,
  ): Promise<BalancerOutcome> {
    try {
      return await ask({
        annotations: service.metadata.annotations ?? {},
        ingress: service.status?.loadBalancer?.ingress ?? [],
        signal: this.#context.signal,
      });
    } catch (error) {
      const message = `Failed deploy model due to ${(error as Error).message}`;
      if (!this.#context.signal.aborted)
        this.#writer.event(service, { type: "Warning", reason: "FailedDeployModel", message });
      throw error;
    }
  }

  /** Again even when nothing changes meanwhile. */
  #comeAgain(key: string, milliseconds: number): void {
    this.#served.set(key, "");
    this.#queue.addAfter(key, milliseconds);
  }

  /** Says what is wrong with a Service's fields, once for each version of the remarks. */
  #tell(key: string, service: Service, findings: readonly BalancerFinding[]): void {
    const text = JSON.stringify(findings);
    if ((this.#told.get(key) ?? "[]") === text) return;
    this.#told.set(key, text);
    for (const { level, field, message, next } of findings) {
      const what = level === "error" ? `Failed build model due to ${message}` : message;
      this.#writer.event(service, {
        type: "Warning",
        reason: level === "error" ? "FailedBuildModel" : "LoadBalancerWarning",
        message: `${what} (${field})${next === undefined ? "" : `; ${next}`}`,
      });
    }
  }

  #slicesOf({ metadata }: Service): EndpointSlice[] {
    return this.#slices
      .list(metadata.namespace)
      .filter(({ metadata: { labels } }) => labels?.[SERVICE_NAME_LABEL] === metadata.name);
  }

  #forget(key: string): void {
    this.#told.delete(key);
    this.#served.delete(key);
    this.#byEndpoints.delete(key);
    this.#understood.forget(key);
  }
}

const LEFT = `the finalizer ${BALANCER_FINALIZER} was taken away, or it was deleted past the API`;

/** What a Service is told whose finalizer was taken away while its load balancer is there. */
const RESTORED = {
  type: "Warning",
  reason: "FinalizerRestored",
  message: `The finalizer ${BALANCER_FINALIZER} was taken away and is put back: without it the load balancer would be left behind`,
} as const;

function whenText(milliseconds: number): string {
  return milliseconds <= 0 ? "now" : `in ${Math.ceil(milliseconds / 60_000)} min`;
}

/** All that an answer depends on: providers read wishes of our own from annotations, too. */
function fingerprint(
  { metadata, status }: Service,
  model: BalancerModel,
  ingress: BalancerOutcome["ingress"] = status?.loadBalancer?.ingress ?? [],
): string {
  const own = Object.entries(metadata.annotations ?? {}).filter(
    ([name]) => name.startsWith("tandem.dev/") && name !== SERVED_AS_ANNOTATION,
  );
  return JSON.stringify([model, own.sort(), ingress]);
}
