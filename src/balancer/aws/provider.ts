/** Load balancers of AWS for Services: each call reads what exists, plans, does what the plan says, and tells. */
import { UserError } from "../../errors/user-error.ts";
import type { BalancerFinding, BalancerModel, BalancerScheme } from "../../traffic/balancer/model.ts";
import type {
  BalancerContext,
  BalancerOutcome,
  BalancerProvider,
  Orphan,
  PlannedStep,
} from "../../traffic/balancer/provider.ts";
import type { AwsApi } from "./api.ts";
import { AwsError } from "./api.ts";
import { type Applied, applySteps, Surprise, wrote } from "./apply.ts";
import { backendOf } from "./backend.ts";
import { BackendRules } from "./backend-rules.ts";
import { type Ages, Inventory, type View } from "./current.ts";
import { EarlierRuns } from "./earlier-runs.ts";
import { advised } from "./errors.ts";
import { isNotFound, type Place } from "./listing.ts";
import { EVERYONE } from "./listing-memory.ts";
import { graceOf, newestFirst, readReplaced } from "./migration.ts";
import { desiredStack } from "./desired.ts";
import type { CurrentStack, DesiredStack } from "./model.ts";
import { deleteOrphans, findOrphans } from "./orphans.ts";
import {
  buildFailure,
  deployFailure,
  findingsFailure,
  findingText,
  merged,
  releaseOutcome,
  serveOutcome,
} from "./outcome.ts";
import { type Plan, planServe } from "./plan.ts";
import { rangesOf } from "./plan/node-rules.ts";
import { planRelease } from "./plan/release.ts";
import { hasListenerAttributes, hostnameOf, protects } from "./service.ts";
import { readRegistered, rememberRegistered } from "./registered.ts";
import { describeStep, type Step } from "./steps.ts";
import { besideStrangers, strangersIn, whyRefused } from "./strangers.ts";
import { type Clock, type Rates, SYSTEM_CLOCK, throttled } from "./throttle.ts";

/** What the provider is made of; times in milliseconds. */
export interface AwsProviderOptions {
  readonly api: AwsApi;
  readonly clusterName: string;
  readonly vpcId: string;
  /** The uid of its namespace kube-system: another cluster of the same name is told by it. */
  readonly clusterUid?: string | undefined;
  /** Those of clusters that are no more, whose things are this one's now. */
  readonly formerUids?: readonly string[] | undefined;
  /** For the reader of logs; the API knows its own. */
  readonly region?: string;
  /** Where neither the Service nor an existing load balancer says one. */
  readonly defaultScheme?: BalancerScheme | undefined;
  /** How long a replaced load balancer stays; 10 minutes. */
  readonly graceMs?: number | undefined;
  /** Keys of tags that others manage. */
  readonly externalTags?: readonly string[];
  readonly clock?: Clock;
  /** Gives 0…1, for jitter. */
  readonly random?: () => number;
  readonly rates?: Rates;
  readonly ages?: Ages;
}

const GRACE_MS = 10 * 60_000;
/** Plans made anew in one call when something was not as remembered. */
const ROUNDS = 3;

/** Makes the provider; the API is kept within rates here. */
export function createAwsProvider(options: AwsProviderOptions): BalancerProvider {
  return new AwsProvider(options);
}

type Service = { readonly key: string; readonly uid: string };

/** A plan with what it was made of. */
interface Planned {
  readonly view: View;
  readonly plan: Plan | { readonly findings: readonly BalancerFinding[] };
  readonly warnings?: readonly BalancerFinding[];
  /** Groups of nodes that are to let the load balancer in. */
  readonly nodeGroups?: readonly string[] | undefined;
}

class AwsProvider implements BalancerProvider {
  readonly name = "aws";
  readonly #options: AwsProviderOptions;
  readonly #clock: Clock;
  readonly #place: Place;
  readonly #api: AwsApi;
  readonly #inventory: Inventory;
  readonly #backend: BackendRules;
  readonly #earlier = new EarlierRuns();

  constructor(options: AwsProviderOptions) {
    const { api, clock = SYSTEM_CLOCK, random = Math.random, rates, ages } = options;
    const { clusterName, vpcId, clusterUid, formerUids } = options;
    this.#options = options;
    this.#clock = clock;
    this.#place = { clusterName, vpcId, clusterUid, formerUids };
    this.#api = throttled(api, clock, random, rates);
    this.#backend = new BackendRules(clusterName);
    this.#inventory = new Inventory(this.#api, this.#place, () => clock.now(), ages);
  }

  serve(model: BalancerModel, context: BalancerContext): Promise<BalancerOutcome> {
    return this.#inRounds(model, () => this.#serveOnce(model, context));
  }

  async #serveOnce(model: BalancerModel, context: BalancerContext): Promise<BalancerOutcome> {
    await this.#backend.enter(model.key);
    try {
      const { view, plan, warnings = [], nodeGroups } = await this.#plan(model, context);
      if ("findings" in plan) return findingsFailure(plan.findings);
      if ("refused" in plan) return buildFailure(plan.refused);
      const hostname = hostnameOf(context);
      const publishes = plan.steps.some((step) => step.do === "publish");
      this.#needs(model, nodeGroups, [...plan.desired.targetGroups, ...view.current.targetGroups]);
      const served = await this.#apply(model.key, plan.steps, view, context.signal);
      this.#needs(model, nodeGroups, left(plan.desired, view.current, served));
      const applied = await this.#withTidyRules(model.key, served, view, context.signal);
      return serveOutcome(model, applied, {
        hostname,
        unchanged: publishes ? undefined : hostname,
        leftBehind: plan.leftBehind,
        unseen: plan.unseen,
        waitsFor: this.#earlier.newWait(model.key, applied, publishes),
        warnings: warnings.map(findingText),
        busyRuns: this.#earlier.countBusy(model.key, applied),
        annotations: rememberRegistered(model, context.annotations, plan.desired, applied),
      });
    } finally {
      this.#backend.leave(model.key);
    }
  }

  #needs(
    service: Service,
    groups: readonly string[] | undefined,
    targetGroups: Parameters<typeof rangesOf>[0],
  ) {
    this.#backend.needs(service, groups && { groups, ranges: rangesOf(targetGroups) });
  }

  async plan(model: BalancerModel, context: BalancerContext): Promise<readonly PlannedStep[]> {
    const { plan } = await this.#plan(model, context);
    const why = "findings" in plan ? plan.findings.map(findingText).join("; ") : undefined;
    if ("steps" in plan) return plan.steps.map(describeStep);
    throw new UserError({
      what: "there is no plan for the load balancer",
      where: `Service ${model.key}`,
      why: why ?? ("refused" in plan ? plan.refused : ""),
      next: "mend the Service or what is in its way, then plan again",
    });
  }

  async #plan(model: BalancerModel, context: BalancerContext): Promise<Planned> {
    const { graceMs = GRACE_MS, externalTags = [] } = this.#options;
    const view = await this.#inventory.viewOf(model, hasListenerAttributes(model));
    const current = newestFirst(view.current);
    // what serves goes on being served; nothing new is made
    if (view.strangers !== undefined && current.loadBalancers.length === 0)
      return { view, plan: { refused: whyRefused(view.strangers, this.#place.clusterName) } };
    const wanted = desiredStack(this.#withScheme(model, current), view.surroundings, current);
    const { stack, findings } = wanted;
    if (stack === undefined) return { view, plan: { findings } };
    const nodes = { inventory: this.#inventory, place: this.#place };
    const backend = await backendOf(stack, model.nodes, view.surroundings.securityGroups, nodes);
    if (backend !== undefined && "refused" in backend) return { view, plan: backend };
    const plan = planServe({
      desired: stack,
      current,
      predecessors: view.predecessors,
      leftovers: view.leftovers,
      named: view.names,
      backend,
      annotations: context.annotations,
      hostname: hostnameOf(context),
      memory: readReplaced(context.annotations),
      now: this.#clock.now(),
      graceMs: graceOf(context.annotations, graceMs),
      externalTags: new Set(externalTags),
      registered: model.aws.multiClusterTargetGroups ? readRegistered(context.annotations) : undefined,
    });
    return { view, plan, warnings: findings, nodeGroups: backend?.nodeGroups.map(({ id }) => id) };
  }

  #withScheme(model: BalancerModel, current: CurrentStack): BalancerModel {
    const scheme = model.scheme ?? current.loadBalancers[0]?.scheme ?? this.#options.defaultScheme;
    return scheme === model.scheme ? model : { ...model, scheme };
  }

  async #apply(owner: string, steps: readonly Step[], view: View, signal: AbortSignal): Promise<Applied> {
    const all = [...view.current.loadBalancers, ...view.predecessors.map(({ balancer }) => balancer)];
    const hostnames = new Map(all.map(({ arn, dnsName }) => [arn, dnsName]));
    const targetGroups = new Map(view.current.targetGroups.map(({ name, arn }) => [name, arn]));
    let quiet = false;
    try {
      const known = { targetGroups, hostnames, owner };
      const options = { ...known, api: this.#api, inventory: this.#inventory, clock: this.#clock, signal };
      const applied = await applySteps(steps, options);
      quiet = !wrote(applied) && applied.wait === undefined;
      return applied;
    } finally {
      // what was written to, or is waited for, is read again before it is believed
      if (!quiet) this.#forget(owner, view, steps);
    }
  }

  #forget(owner: string, { current, predecessors }: View, steps: readonly Step[]): void {
    const { loadBalancers, targetGroups, securityGroups } = current;
    const theirs = predecessors.flatMap((it) => [it.balancer, ...it.targetGroups]);
    const own = securityGroups.map(({ id }) => id);
    const mine = [...[...loadBalancers, ...targetGroups, ...theirs].map(({ arn }) => arn), ...own];
    const groups = steps.flatMap((step) =>
      "target" in step && step.target.startsWith("sg-") ? [step.target] : [],
    );
    const shared = groups.filter((id) => !own.includes(id));
    const present = (ids: readonly string[]): string[] => ids.filter((id) => this.#inventory.knows(id));
    this.#inventory.touched(owner, present(mine));
    this.#inventory.touched(EVERYONE, present(shared));
  }

  async release(service: Service, context: BalancerContext): Promise<BalancerOutcome> {
    if (protects(context.annotations)) {
      const name = service.key.split("/").at(-1) ?? service.key;
      return buildFailure(
        `deletion_protection is enabled, cannot delete the service: ${name}`,
        "on a change",
      );
    }
    return this.#inRounds(service, () => this.#releaseOnce(service, context));
  }

  async #releaseOnce(service: Service, context: BalancerContext): Promise<BalancerOutcome> {
    await this.#inventory.listing(undefined, true);
    const view = await this.#inventory.viewOf(service, false);
    const steps = planRelease(view, context.annotations);
    const applied = await this.#apply(service.key, steps, view, context.signal);
    if (applied.busy.length === 0 && applied.failed === undefined) this.#backend.needs(service, undefined);
    const both = await this.#withTidyRules(service.key, applied, view, context.signal);
    const busyRuns = this.#earlier.countBusy(service.key, both);
    this.#earlier.forgetWait(service.key);
    return releaseOutcome(service, both, { busyRuns, annotations: context.annotations });
  }

  /** Makes the nodes' rules follow what all Services need, when all that was before is done and no other is at work. */
  async #withTidyRules(key: string, applied: Applied, view: View, signal: AbortSignal): Promise<Applied> {
    if (applied.busy.length > 0 || applied.failed !== undefined || applied.wait !== undefined) return applied;
    const tidied = await this.#backend.alone(key, async () => {
      const listing = await this.#inventory.listing(key);
      const steps = strangersIn(listing) === undefined ? this.#backend.tidySteps(listing) : [];
      return steps.length === 0 ? undefined : this.#apply(key, steps, view, signal);
    });
    return tidied === undefined ? applied : merged(applied, tidied);
  }

  async orphans(live: ReadonlyMap<string, string>, signal: AbortSignal): Promise<readonly Orphan[]> {
    signal.throwIfAborted();
    const listing = await this.#inventory.listing(undefined, true);
    const strangers = strangersIn(listing);
    if (strangers !== undefined) throw besideStrangers(strangers, this.#place.clusterName);
    return findOrphans(listing, live);
  }

  async deleteOrphans(orphans: readonly Orphan[], signal: AbortSignal) {
    const shared = { api: this.#api, inventory: this.#inventory, signal, clock: this.#clock };
    const deleted = await deleteOrphans(orphans, { ...shared, keepShared: this.#backend.busy });
    for (const { orphan, error } of deleted)
      if (error === undefined && orphan.kind === "LoadBalancer") this.#backend.forget(orphan.service);
    return deleted;
  }

  /** Plans anew where something was not as remembered; a user's own reference to what is not there is told. */
  async #inRounds(service: Service, run: () => Promise<BalancerOutcome>): Promise<BalancerOutcome> {
    for (let round = 1; ; round++)
      try {
        return await run();
      } catch (error) {
        const surprise = error instanceof Surprise || isNotFound(error);
        if (!surprise) throw error instanceof AwsError ? advised(error) : error;
        this.#inventory.surprised();
        if (round < ROUNDS) continue;
        const cause = error instanceof Surprise ? error.cause : error;
        const why = cause instanceof AwsError ? cause.message : String(cause);
        return deployFailure(service.key, why);
      }
  }
}

/** The target groups that there are after a plan was done. */
function left({ targetGroups }: DesiredStack, current: CurrentStack, { done }: Applied) {
  const wanted = new Set(targetGroups.map(({ name }) => name));
  const gone = new Set(done.map((step) => (step.do === "deleteTargetGroup" ? step.target : "")));
  const others = current.targetGroups.filter(({ name, arn }) => !wanted.has(name) && !gone.has(arn));
  return [...targetGroups, ...others];
}
