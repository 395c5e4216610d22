/** Services that change before they came to rest, many at once, with calls going wrong: the end is what was asked last. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "../../../src/balancer/aws/api.ts";
import type { BalancerOutcome, BalancerProvider } from "../../../src/traffic/balancer/provider.ts";
import { type FakeAws, type Fault, usualAws } from "../fake-aws/fake.ts";
import { HTTP, HTTPS, LiveService, modelOf, providerOf, type TestService } from "./cluster.ts";
import { checkServed, nodeRules } from "./served.ts";

/** Numbers from 0 to 1, the same ones for a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KINDS: readonly Fault[] = [
  { kind: "fail", code: "ServiceUnavailable" },
  { kind: "lost" },
  { kind: "throttle" },
  { kind: "kill", when: "before" },
  { kind: "kill", when: "after" },
];

/** A process that is started again when it dies; faults come by chance while there is `trouble`. */
class Chaos {
  readonly aws: FakeAws;
  readonly random: () => number;
  trouble = 0.04;
  #provider: BalancerProvider;
  #killed: Promise<unknown>;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    const quotas = { loadBalancers: 100 };
    this.aws = usualAws({
      idempotencyIgnoresTags: seed % 2 === 0,
      groupVisibleAfterMs: seed % 3 === 0 ? 2000 : 0,
      quotas,
    });
    [this.#provider, this.#killed] = this.#start();
  }

  #start(): [BalancerProvider, Promise<unknown>] {
    const connection = this.aws.connect({
      fault: () => (this.random() < this.trouble ? this.pick(KINDS) : undefined),
    });
    return [providerOf(this.aws, connection), connection.killed];
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)] as T;
  }

  /** Whatever is under way when the process dies is lost. */
  async ask(question: (provider: BalancerProvider) => Promise<BalancerOutcome>) {
    const killed = this.#killed;
    try {
      return await Promise.race([question(this.#provider), killed.then(() => this.#restart(killed))]);
    } catch (error) {
      if (error instanceof AwsError) return undefined;
      throw error;
    }
  }

  #restart(killed: Promise<unknown>): undefined {
    if (killed === this.#killed) [this.#provider, this.#killed] = this.#start();
  }

  async serve(live: LiveService): Promise<boolean> {
    const outcome = await this.ask((provider) => provider.serve(modelOf(live.service), live.context));
    if (outcome !== undefined) live.write(outcome);
    return outcome?.done ?? false;
  }

  async release(live: LiveService): Promise<boolean> {
    const { key, uid } = live;
    const outcome = await this.ask((provider) => provider.release({ key, uid }, live.context));
    return outcome?.done ?? false;
  }
}

/** Most rounds until rest once nothing goes wrong any more. */
const MOST_ROUNDS = 40;

async function calm(chaos: Chaos, work: () => Promise<boolean>): Promise<void> {
  chaos.trouble = 0;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    if (await work()) return;
    chaos.aws.clock.advance(60_000);
  }
  assert.fail("no rest");
}

/** Nothing is left to do for any of them, as a new process sees it, and nothing is an orphan. */
async function checkRest(aws: FakeAws, lives: readonly LiveService[]): Promise<void> {
  aws.clock.advance(60_000);
  const provider = providerOf(aws, aws.connect());
  const live = new Map(lives.map(({ key, uid }) => [key, uid]));
  assert.deepEqual(await provider.orphans(live, new AbortController().signal), []);
  assert.equal(aws.census().loadBalancers, lives.length);
  for (const it of lives) {
    assert.deepEqual(await provider.plan(modelOf(it.service), it.context), []);
    const ports = (it.service.spec.ports ?? []).map(({ port }) => port);
    checkServed(aws, it.hostname, ports);
  }
  checkNodeRules(aws);
}

/** The nodes let in what load balancers with the shared group need, and no more; all is TCP here. */
function checkNodeRules({ world }: FakeAws): void {
  const shared = [...world.groups.values()].find(({ name }) => name.startsWith("tandem-traffic-"));
  if (shared === undefined) return;
  const users = [...world.loadBalancers.values()].filter((it) => it.securityGroups.includes(shared.id));
  const arns = new Set(users.map(({ arn }) => arn));
  const used = [...world.listeners.values()].filter(({ loadBalancer }) => arns.has(loadBalancer));
  const groups = used.flatMap(({ forward }) => forward.map(({ targetGroup }) => targetGroup));
  const targets = groups.flatMap((arn) => [...(world.targetGroups.get(arn)?.targets.values() ?? [])]);
  const ports = targets.filter(({ drainedAt }) => drainedAt === undefined).map(({ port }) => port);
  assert.deepEqual(
    nodeRules(world, shared.id).map(({ fromPort, toPort }) => [fromPort, toPort]),
    [[Math.min(...ports), Math.max(...ports)]],
  );
}

const VERSIONS: readonly TestService[] = [
  { ports: [HTTP] },
  { ports: [HTTP, HTTPS] },
  { ports: [HTTPS], annotations: { scheme: "internal" } },
  { ports: [{ ...HTTP, nodePort: 30_081 }], annotations: { "ip-address-type": "dualstack" } },
  { ports: [HTTP], annotations: { "ip-address-type": "dualstack", "disable-nlb-sg": "true" } },
  { ports: [HTTP], annotations: { "nlb-target-type": "ip", scheme: "internal" } },
];

const SEEDS = 120;

test(`a Service that changes again and again before it rests (${SEEDS} stories)`, async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const chaos = new Chaos(seed);
    const live = new LiveService(chaos.pick(VERSIONS));
    for (let change = 0; change < 6; change++) {
      const rounds = Math.floor(chaos.random() * 5);
      for (let round = 0; round < rounds; round++) {
        await chaos.serve(live);
        chaos.aws.clock.advance(chaos.pick([1_000, 20_000, 70_000, 400_000]));
      }
      live.apply(chaos.pick(VERSIONS));
    }
    try {
      await calm(chaos, () => chaos.serve(live));
      chaos.aws.clock.advance(3_600_000);
      await calm(chaos, () => chaos.serve(live));
      await checkRest(chaos.aws, [live]);
      await calm(chaos, () => chaos.release(live));
      assert.deepEqual(chaos.aws.census(), usualAws().census());
    } catch (error) {
      throw new Error(`seed ${seed}: ${live.events.at(-1)?.message}`, { cause: error });
    }
  }
});

test("many Services at once, some of them going", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const chaos = new Chaos(seed + 1000);
    const lives = Array.from({ length: 6 }, (_, index) => {
      const ports = [{ ...HTTP, nodePort: 30_100 + index }];
      return new LiveService({ name: `s${index}`, ports });
    });
    const all = async (ask: (live: LiveService) => Promise<boolean>, some = lives) =>
      (await Promise.all(some.map(ask))).every(Boolean);
    for (let round = 0; round < 4; round++) {
      await all((live) => chaos.serve(live));
      chaos.aws.clock.advance(20_000);
    }
    const [going, staying] = [lives.slice(0, 3), lives.slice(3)];
    for (let round = 0; round < 3; round++) {
      await Promise.all([
        all((live) => chaos.release(live), going),
        all((live) => chaos.serve(live), staying),
      ]);
      chaos.aws.clock.advance(20_000);
    }
    try {
      await calm(chaos, () => all((live) => chaos.release(live), going));
      await calm(chaos, () => all((live) => chaos.serve(live), staying));
      await checkRest(chaos.aws, staying);
      await calm(chaos, () => all((live) => chaos.release(live), staying));
      assert.deepEqual(chaos.aws.census(), usualAws().census());
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
