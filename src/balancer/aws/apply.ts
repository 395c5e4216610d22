/**
 * Does the steps of a plan in order. Nothing is remembered between runs but what AWS has: a run that ends anywhere is
 * taken up by the next, which plans anew from what exists.
 */
import { type AwsApi, AwsError } from "./api.ts";
import { isInUse, isMissing, isSurprise, refusesForward } from "./errors.ts";
import { aroundCalls, type Clock } from "./throttle.ts";
import type { Inventory } from "./current.ts";
import { isNotFound } from "./listing.ts";
import { type DesiredListener, TAG, type Tags, type Target } from "./model.ts";
import { chunks, registerEach } from "./register.ts";
import { isWrite, type Reference, type Replaced, type Step, type StepOf } from "./steps.ts";

/** How often, and how far apart, what was just made is asked for before it counts as gone. */
const VISIBLE_TRIES = 6;
const VISIBLE_PAUSE_MS = 1_000;

/** What is needed to do steps. */
export interface ApplyOptions {
  readonly api: AwsApi;
  readonly inventory: Inventory;
  /** The Service, as the inventory knows it. */
  readonly owner: string;
  /** ARNs of target groups that exist, by name. */
  readonly targetGroups: ReadonlyMap<string, string>;
  /** Hostnames of load balancers by ARN, as they exist. */
  readonly hostnames: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How far a run came. */
export interface Applied {
  /** The steps done, publications and memories among them. */
  readonly done: readonly Step[];
  /** The hostname that the status is to say; undefined where the plan has none, or it was not reached. */
  readonly published: string | undefined;
  readonly remembered: readonly Replaced[] | undefined;
  /** The wait that ended the run. */
  readonly wait: StepOf<"wait"> | undefined;
  /** What could not be deleted, or registered, yet. */
  readonly busy: readonly { readonly step: Step; readonly error: AwsError }[];
  /** What AWS refused for good; nothing after it was done. */
  readonly failed: { readonly step: Step; readonly error: AwsError } | undefined;
}

/** Something was not as the plan supposed: look again and plan anew. */
export class Surprise extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "Surprise";
  }
}

/**
 * Does the steps until a wait, a refusal or the end. Throws {@link Surprise}, and AwsError where the same may work later;
 * a call whose answer was lost counts as a surprise for the memory, so that the next run looks.
 */
export async function applySteps(steps: readonly Step[], options: ApplyOptions): Promise<Applied> {
  return new Run(options).all(steps);
}

type Doers = { readonly [K in Step["do"]]: (run: Run, step: StepOf<K>) => Promise<void> };

class Run {
  readonly api: AwsApi;
  readonly #options: ApplyOptions;
  /** ARNs and ids by the name under which steps know them. */
  readonly #made: Map<Reference, string>;
  readonly #hostnames: Map<string, string>;
  /** Whether anything was made in this run. */
  #fresh = false;
  readonly #done: Step[] = [];
  readonly #busy: { step: Step; error: AwsError }[] = [];
  published: string | undefined;
  remembered: readonly Replaced[] | undefined;

  constructor(options: ApplyOptions) {
    this.#options = options;
    this.api = aroundCalls(options.api, (_, __, ask) => this.#patiently(ask));
    this.#made = new Map(options.targetGroups);
    this.#hostnames = new Map(options.hostnames);
  }

  async all(steps: readonly Step[]): Promise<Applied> {
    for (const step of steps) {
      this.#options.signal.throwIfAborted();
      if (step.do === "wait") return this.#result({ wait: step });
      const error = await this.#try(step);
      if (error !== undefined) return this.#result({ failed: { step, error } });
    }
    return this.#result({});
  }

  /** What was just made is not seen by all of AWS at once: a call that does not find it is made again, for a while. */
  async #patiently(ask: () => Promise<unknown>): Promise<unknown> {
    const { clock, signal } = this.#options;
    for (let tries = 1; ; tries++)
      try {
        return await ask();
      } catch (error) {
        if (!this.#fresh || !isMissing(error) || tries === VISIBLE_TRIES) throw error;
        await clock.pause(VISIBLE_PAUSE_MS, signal);
      }
  }

  #result({ wait, failed }: Partial<Pick<Applied, "wait" | "failed">>): Applied {
    const { published, remembered } = this;
    return { done: this.#done, busy: this.#busy, published, remembered, wait, failed };
  }

  /** Does a step; gives the answer of an AWS that refuses it for good. */
  async #try(step: Step): Promise<AwsError | undefined> {
    try {
      const busy = this.#busy.length;
      await (DOERS[step.do] as (run: Run, step: Step) => Promise<void>)(this, step);
      if (this.#busy.length === busy) this.#done.push(step);
      return undefined;
    } catch (error) {
      return this.#judge(step, error);
    }
  }

  #judge(step: Step, error: unknown): AwsError | undefined {
    const { inventory } = this.#options;
    const deleting = step.do.startsWith("delete");
    if (isNotFound(error) && deleting) {
      this.#done.push(step);
      if ("target" in step) inventory.gone(this.idOf(step.target));
      return undefined;
    }
    if (!(error instanceof AwsError)) throw error;
    if (error.retryable || isSurprise(error)) inventory.surprised();
    if (error.retryable) throw error;
    if (isSurprise(error)) throw new Surprise(error);
    if (!isInUse(error, deleting)) return error;
    this.#busy.push({ step, error });
    return undefined;
  }

  idOf(reference: Reference): string {
    return this.#made.get(reference) ?? reference;
  }

  hostnameOf(reference: Reference): string | undefined {
    return this.#hostnames.get(this.idOf(reference))?.toLowerCase();
  }

  /** Notes what was made. */
  made(reference: Reference, id: string, hostname?: string): void {
    this.#made.set(reference, id);
    this.#fresh = true;
    if (hostname !== undefined) this.#hostnames.set(id, hostname);
    this.#options.inventory.touched(this.#options.owner, [id]);
  }

  gone(id: string): void {
    this.#options.inventory.gone(id);
  }

  get created(): Tags {
    return { [TAG.created]: new Date(this.#options.clock.now()).toISOString() };
  }

  /** AWS gives what exists where a name and settings are the same: it has to be ours. */
  async verify(arn: string, wanted: Tags): Promise<void> {
    const tags = (await this.api.describeTags([arn])).get(arn) ?? {};
    const keys = [TAG.cluster, TAG.owner, TAG.uid];
    if (keys.every((key) => tags[key] === wanted[key])) return;
    throw new AwsError("verify", "DuplicateName", `${arn} exists and is not ours`, false);
  }

  /** What of a step AWS did not take counts as busy: it is tried again, and the rest of the plan goes on. */
  async register(step: StepOf<"registerTargets">, targets: readonly Target[]): Promise<void> {
    const arn = this.idOf(step.target);
    const refused = await registerEach(targets, (some) => this.api.registerTargets(arn, some));
    for (const it of refused) this.#busy.push({ step: { ...step, targets: it.targets }, error: it.error });
  }

  resolved(spec: DesiredListener): DesiredListener {
    const forward = spec.forward.map((to) => ({ ...to, targetGroup: this.idOf(to.targetGroup) }));
    return { ...spec, forward };
  }
}

const DOERS: Doers = {
  async createSecurityGroup(run, { spec }) {
    const tags = { ...spec.tags, ...run.created };
    run.made(spec.name, await run.api.createSecurityGroup({ ...spec, tags }));
  },
  async authorizeIngress(run, { target, rules }) {
    const resolved = rules.map((rule) =>
      rule.group === undefined ? rule : { ...rule, group: run.idOf(rule.group) },
    );
    await run.api.authorizeIngress(run.idOf(target), resolved);
  },
  async revokeIngress(run, { target, rules }) {
    await run.api.revokeIngress(run.idOf(target), rules);
  },
  async deleteSecurityGroup(run, { target }) {
    await run.api.deleteSecurityGroup(target);
    run.gone(target);
  },
  async createTargetGroup(run, { spec }) {
    const { targets: _targets, attributes: _attributes, ...bare } = spec;
    const tags = { ...spec.tags, ...run.created };
    const { arn } = await run.api.createTargetGroup({ ...bare, tags });
    run.made(spec.name, arn);
    await run.verify(arn, spec.tags);
  },
  async modifyHealthCheck(run, { target, healthCheck }) {
    await run.api.modifyTargetGroup(run.idOf(target), healthCheck);
  },
  async modifyTargetGroupAttributes(run, { target, attributes }) {
    await run.api.modifyTargetGroupAttributes(run.idOf(target), attributes);
  },
  async registerTargets(run, step) {
    for (const some of chunks(step.targets)) await run.register(step, some);
  },
  async deregisterTargets(run, { target, targets }) {
    for (const some of chunks(targets)) await run.api.deregisterTargets(run.idOf(target), some);
  },
  async deleteTargetGroup(run, { target }) {
    await run.api.deleteTargetGroup(target);
    run.gone(target);
  },
  async createLoadBalancer(run, { spec, securityGroups }) {
    const { name, scheme, ipAddressType, subnets, prefixForIpv6SourceNat, tags } = spec;
    const groups = securityGroups.map((group) => run.idOf(group));
    const settings = { name, scheme, ipAddressType, subnets, prefixForIpv6SourceNat, tags };
    const { arn, dnsName } = await run.api.createLoadBalancer({ ...settings, securityGroups: groups });
    run.made(name, arn, dnsName);
    await run.verify(arn, tags);
  },
  async setSubnets(run, { target, subnets, prefix }) {
    await run.api.setSubnets(run.idOf(target), subnets, prefix);
  },
  async setIpAddressType(run, { target, type }) {
    await run.api.setIpAddressType(run.idOf(target), type);
  },
  async setSecurityGroups(run, { target, groups, onPrivateLink }) {
    const ids = groups.map((group) => run.idOf(group));
    await run.api.setSecurityGroups(run.idOf(target), ids, onPrivateLink);
  },
  async modifyLoadBalancerAttributes(run, { target, attributes }) {
    await run.api.modifyLoadBalancerAttributes(run.idOf(target), attributes);
  },
  async modifyCapacity(run, { target, units }) {
    await run.api.modifyCapacity(run.idOf(target), units);
  },
  async deleteLoadBalancer(run, { target }) {
    await run.api.deleteLoadBalancer(target);
    run.gone(target);
  },
  async createListener(run, { on, spec }) {
    const { arn } = await run.api.createListener(run.idOf(on), run.resolved(spec));
    run.made(`${on} ${spec.port}`, arn);
  },
  async modifyListener(run, { target, spec, instead }) {
    try {
      await run.api.modifyListener(run.idOf(target), run.resolved(spec));
    } catch (error) {
      if (instead === undefined || !refusesForward(error)) throw error;
      await run.api.modifyListener(run.idOf(target), run.resolved(instead));
    }
  },
  async modifyListenerAttributes(run, { target, attributes }) {
    await run.api.modifyListenerAttributes(run.idOf(target), attributes);
  },
  async changeCertificates(run, { target, add, remove }) {
    if (add.length > 0) await run.api.addListenerCertificates(run.idOf(target), add);
    if (remove.length > 0) await run.api.removeListenerCertificates(run.idOf(target), remove);
  },
  async deleteListener(run, { target }) {
    await run.api.deleteListener(target);
  },
  async tag(run, { kind, target, add, remove }) {
    const id = run.idOf(target);
    const ec2 = kind === "SecurityGroup";
    if (Object.keys(add).length > 0) await (ec2 ? run.api.tagResources([id], add) : run.api.addTags(id, add));
    if (remove.length > 0)
      await (ec2 ? run.api.untagResources([id], remove) : run.api.removeTags(id, remove));
  },
  wait: () => Promise.resolve(),
  publish(run, { target }) {
    run.published = run.hostnameOf(target);
    return Promise.resolve();
  },
  remember(run, { replaced }) {
    run.remembered = replaced;
    return Promise.resolve();
  },
};

/** Whether anything was asked of AWS that changes it. */
export function wrote({ done, busy, failed }: Applied): boolean {
  return busy.length > 0 || failed !== undefined || done.some(isWrite);
}
