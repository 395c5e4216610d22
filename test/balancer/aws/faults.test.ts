/**
 * Every call to AWS in turn fails, works without an answer, is throttled, or is the last before the process dies: from
 * each of these points the same end is reached as without a fault. Exhaustive over all calls of all scenarios; and for
 * two faults in one run, over a sample of pairs.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "../../../src/balancer/aws/api.ts";
import type { BalancerOutcome, BalancerProvider } from "../../../src/traffic/balancer/provider.ts";
import { type FakeAws, type FakeConnection, type Fault, usualAws } from "../fake-aws/fake.ts";
import { LiveService, modelOf, providerOf, settle } from "./cluster.ts";
import { type Scenario, SCENARIOS } from "./scenarios.ts";
import { checkServed, commonPorts } from "./served.ts";
import { snapshotOf } from "./snapshot.ts";

const FAULTS: Readonly<Record<string, Fault>> = {
  fails: { kind: "fail", code: "InternalFailure" },
  "times out after it worked": { kind: "lost" },
  "is throttled": { kind: "throttle" },
  "is not reached: the process dies": { kind: "kill", when: "before" },
  "is the last before the process dies": { kind: "kill", when: "after" },
};

/** Faults by the number of the call, counted over all processes; and a round whose outcome nobody writes down. */
interface Faults {
  readonly calls: ReadonlyMap<number, Fault>;
  readonly unwritten?: number;
}

const NONE: Faults = { calls: new Map() };

/** Tries until rest; a fault costs few of them. */
const MOST_ROUNDS = 40;

/** A controller that is started again when it dies. */
class Controller {
  readonly #aws: FakeAws;
  readonly #faults: Faults;
  /** Looks whether clients are served, at any moment. */
  readonly watch: () => void;
  #connection: FakeConnection;
  provider: BalancerProvider;
  calls = 0;

  constructor(aws: FakeAws, faults: Faults, watch: () => void) {
    this.#aws = aws;
    this.#faults = faults;
    this.watch = watch;
    this.#connection = this.#connect();
    this.provider = providerOf(aws, this.#connection);
  }

  #connect(): FakeConnection {
    const fault = (): Fault | undefined => {
      this.watch();
      return this.#faults.calls.get(this.calls++);
    };
    return this.#aws.connect({ fault });
  }

  restart(): void {
    this.#connection = this.#connect();
    this.provider = providerOf(this.#aws, this.#connection);
  }

  /** Asks something of the provider; undefined where it failed or the process died, time having passed. */
  async ask<T>(question: (provider: BalancerProvider) => Promise<T>): Promise<T | undefined> {
    const died = this.#connection.killed.then(() => {
      this.restart();
      return undefined;
    });
    try {
      return await Promise.race([question(this.provider), died]);
    } catch (error) {
      if (error instanceof AwsError) return undefined;
      throw error;
    } finally {
      this.#aws.clock.advance(1000);
    }
  }
}

interface End {
  readonly aws: FakeAws;
  readonly live: LiveService;
  readonly calls: number;
  readonly rounds: number;
}

/** The same surroundings and the same time for every run. */
async function begin(scenario: Scenario, tagless: boolean): Promise<{ aws: FakeAws; live: LiveService }> {
  const aws = usualAws({ idempotencyIgnoresTags: tagless });
  const live = new LiveService(scenario.before ?? (scenario.after as object));
  scenario.arrange?.(aws, live);
  if (scenario.before !== undefined) {
    await settle(providerOf(aws, aws.connect()), live, aws.clock);
    aws.clock.advance(3_600_000);
  }
  return { aws, live };
}

async function play(scenario: Scenario, faults: Faults = NONE, tagless = false): Promise<End> {
  const { aws, live } = await begin(scenario, tagless);
  const { before, after } = scenario;
  const served = live.hostname !== undefined && typeof after === "object";
  const common = served ? commonPorts(before ?? after, after) : [];
  const kept = common.filter((port) => !scenario.interrupted?.includes(port));
  const controller = new Controller(aws, faults, () => checkServed(aws, live.hostname, kept));
  let rounds = 0;
  if (after === "vanished") await sweep(controller, aws);
  else if (after === "released")
    rounds = await rest(aws, live, controller, faults, (provider) => {
      const { key, uid, context } = live;
      return provider.release({ key, uid }, context);
    });
  else {
    live.apply(after);
    rounds = await rest(aws, live, controller, faults, (provider) =>
      provider.serve(modelOf(live.service), live.context),
    );
  }
  return { aws, live, calls: controller.calls, rounds };
}

async function rest(
  aws: FakeAws,
  live: LiveService,
  controller: Controller,
  faults: Faults,
  question: (provider: BalancerProvider) => Promise<BalancerOutcome>,
): Promise<number> {
  for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
    let outcome = await controller.ask(question);
    if (rounds === faults.unwritten) {
      controller.restart();
      outcome = undefined;
    }
    if (outcome !== undefined) live.write(outcome);
    controller.watch();
    if (outcome?.done) return rounds;
    aws.clock.advance(outcome?.againAfterMs ?? 0);
  }
  assert.fail(
    `no rest after ${MOST_ROUNDS} rounds, ${controller.calls} calls: ${live.events.at(-1)?.message}`,
  );
}

async function sweep(controller: Controller, aws: FakeAws): Promise<void> {
  const signal = new AbortController().signal;
  for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
    const found = await controller.ask((provider) => provider.orphans(new Map(), signal));
    if (found?.length === 0) return;
    if (found !== undefined) await controller.ask((provider) => provider.deleteOrphans(found, signal));
    aws.clock.advance(5000);
  }
  assert.fail("there are still orphans");
}

async function checkEnd({ aws, live }: End, scenario: Scenario): Promise<void> {
  const served = typeof scenario.after === "object";
  const orphans = await providerOf(aws, aws.connect()).orphans(
    new Map(served ? [[live.key, live.uid]] : []),
    live.signal,
  );
  assert.deepEqual(orphans, []);
  const [balancer, ...more] = [...aws.world.loadBalancers.values()];
  assert.deepEqual(more, []);
  if (!served) assert.equal(balancer, undefined);
  if (served) assert.equal(live.hostname, balancer?.dnsName.toLowerCase());
  assert.equal(live.annotations["tandem.dev/replaced-load-balancers"], undefined);
}

/** Plays with faults and checks that the end is that of the reference. */
async function compare(scenario: Scenario, reference: End, faults: Faults, where: string): Promise<void> {
  const tagless = reference.aws.world.options.idempotencyIgnoresTags;
  const end = await play(scenario, faults, tagless).catch((error: unknown) => {
    throw new Error(where, { cause: error });
  });
  await checkEnd(end, scenario);
  assert.deepEqual(snapshotOf(end.aws.world), snapshotOf(reference.aws.world), where);
  const most = (faults.calls.size + 1) * (reference.calls + 20);
  assert.ok(end.calls <= most, `${where}: ${end.calls} calls, ${reference.calls} without faults`);
}

for (const scenario of SCENARIOS)
  test(`${scenario.name}: every call may go wrong`, async (t) => {
    for (const tagless of [false, true]) {
      const reference = await play(scenario, NONE, tagless);
      await checkEnd(reference, scenario);
      assert.ok(reference.calls > 4);
      let runs = 0;
      for (let at = 0; at < reference.calls; at++)
        for (const [what, fault] of Object.entries(FAULTS)) {
          await compare(scenario, reference, { calls: new Map([[at, fault]]) }, `call ${at} ${what}`);
          runs++;
        }
      t.diagnostic(`${reference.calls} calls, ${runs} runs with a fault`);
    }
  });

for (const scenario of SCENARIOS.filter(({ after }) => after !== "vanished"))
  test(`${scenario.name}: the process dies before it writes down what came of it`, async () => {
    const reference = await play(scenario);
    for (let round = 0; round <= reference.rounds; round++)
      await compare(scenario, reference, { calls: new Map(), unwritten: round }, `round ${round}`);
  });

/** Pairs of calls that are spread over all of them; always the same ones. */
function pairs(count: number, most: number): [number, number][] {
  const all = Array.from({ length: most }, (_, index): [number, number] => {
    const first = (index * 7) % count;
    return [first, first + 1 + ((index * 13) % 25)];
  });
  return all;
}

for (const scenario of SCENARIOS)
  test(`${scenario.name}: two calls go wrong`, async () => {
    const reference = await play(scenario);
    const kinds = Object.entries(FAULTS);
    for (const [index, [first, second]] of pairs(reference.calls, 120).entries()) {
      const [what, fault] = kinds[index % kinds.length] ?? assert.fail();
      const [thenWhat, then] = kinds[Math.floor(index / kinds.length) % kinds.length] ?? assert.fail();
      const calls = new Map([
        [first, fault],
        [second, then],
      ]);
      await compare(scenario, reference, { calls }, `call ${first} ${what}, call ${second} ${thenWhat}`);
    }
  });
