/** The loop of a node with programs that a test stands in for. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { UserError } from "../../src/errors/user-error.ts";
import {
  createExec,
  type Exec,
  type ExecResult,
  startKernel,
  type SyncReport,
} from "../../src/kernel/index.ts";
import { createTrafficModel, type TrafficModel } from "../../src/traffic/index.ts";
import { setWeb, web } from "./cluster.ts";
import { FACTS } from "./network.ts";

const OK: ExecResult = { code: 0, stdout: "", stderr: "" };
const NO_TABLES: ExecResult = { ...OK, stdout: JSON.stringify({ nftables: [] }) };

/** An nft without tables whose transactions a test lets through one by one, or answers at once. */
class FakeNft {
  readonly scripts: string[] = [];
  answer: (script: string) => Promise<ExecResult> = async () => OK;

  readonly exec: Exec = async (argv, input) => {
    const script = [...(input ?? [])].join("");
    if (argv[0] !== "nft") return OK;
    if (argv.includes("-j")) return NO_TABLES;
    this.scripts.push(script);
    return this.answer(script);
  };
}

const controllers: AbortController[] = [];
afterEach(() => {
  for (const controller of controllers.splice(0)) controller.abort();
});

function start(nft: FakeNft, model: TrafficModel, exec = nft.exec) {
  const stop = new AbortController();
  controllers.push(stop);
  const reports: SyncReport[] = [];
  const errors: Error[] = [];
  const kernel = startKernel({
    source: model,
    facts: FACTS,
    exec,
    signal: stop.signal,
    auditMs: 0,
    onSync: (report) => void reports.push(report),
    onError: (error) => void errors.push(error),
  });
  return { kernel, reports, errors, stop };
}

test("what changes during a transaction goes into the next one, together", async () => {
  const nft = new FakeNft();
  const model = createTrafficModel();
  const { kernel, reports } = start(nft, model);
  await kernel.started;
  nft.scripts.length = 0;
  let release = () => {};
  nft.answer = () => new Promise((resolve) => (release = () => resolve(OK)));
  setWeb(model, web(), [{ pod: "a" }]);
  await waitFor(() => nft.scripts.length === 1);
  for (const pod of ["b", "a", "b"] as const) setWeb(model, web(), [{ pod }]);
  nft.answer = async () => OK;
  release();
  await kernel.settled();
  assert.equal(nft.scripts.length, 2);
  assert.deepEqual(
    reports.map(({ why, how }) => [why, how]),
    [
      ["start", "load"],
      ["change", "update"],
      ["change", "update"],
    ],
  );
});

test("a change that comes when unused chains are about to go waits for them", async (context) => {
  const nft = new FakeNft();
  const model = createTrafficModel();
  setWeb(model, web(), [{ pod: "a" }, { pod: "b" }]);
  const { kernel, reports } = start(nft, model);
  await kernel.started;
  context.mock.timers.enable({ apis: ["setTimeout"] });
  // The chains of two endpoints are unused after 1 ms, and deleted a second later; just before that they are wanted.
  setTimeout(() => setWeb(model, web(), [{ pod: "a" }, { pod: "b" }]), 1001);
  setWeb(model, web(), [{ pod: "a" }]);
  context.mock.timers.tick(1);
  while (reports.length < 2) await immediately();
  const overlaps: string[] = [];
  let underWay = 0;
  nft.answer = async (script) => {
    if (++underWay > 1) overlaps.push(script);
    for (let turn = 0; turn < 10; turn++) await immediately();
    underWay--;
    return OK;
  };
  await immediately();
  nft.scripts.length = 0;
  context.mock.timers.tick(1000);
  while (nft.scripts.length === 0) await immediately();
  for (let turn = 0; turn < 50; turn++) {
    context.mock.timers.tick(1);
    await immediately();
  }
  assert.match(nft.scripts[0] ?? "", /^flush chain ip tandem tcp-cluster-2\n/);
  assert.match(nft.scripts[1] ?? "", /^add chain ip tandem tcp-cluster-2\n/);
  assert.deepEqual(overlaps, []);
});

test("a change that comes to nothing costs no transaction", async () => {
  const nft = new FakeNft();
  const model = createTrafficModel();
  setWeb(model, web(), [{ pod: "a" }]);
  const { kernel } = start(nft, model);
  await kernel.started;
  nft.scripts.length = 0;
  setWeb(model, web(), [{ pod: "a" }]);
  await kernel.settled();
  assert.deepEqual(nft.scripts, []);
});

test("after a failure everything is compared again, and the loop goes on", async () => {
  const nft = new FakeNft();
  const model = createTrafficModel();
  const { kernel, reports, errors } = start(nft, model);
  await kernel.started;
  nft.answer = async () => ({
    ...OK,
    code: 1,
    stderr: "Error: Could not process rule: Device or resource busy",
  });
  setWeb(model, web(), [{ pod: "a" }]);
  await waitFor(() => errors.length === 1);
  nft.answer = async () => OK;
  await kernel.settled();
  assert.match(errors[0]?.message ?? "", /cannot change the kernel's rules: .*resource busy/);
  assert.deepEqual(
    reports.map(({ why }) => why),
    ["start", "retry"],
  );
});

test("a start that fails says so, with what, where, why and what to do", async () => {
  const missing = start(new FakeNft(), createTrafficModel(), async (argv) =>
    createExec()(["/nonexistent/nft", ...argv.slice(1)]),
  );
  await assert.rejects(missing.kernel.started, (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /cannot run .*nft: the program .*nft is not installed/);
    return true;
  });
  const nft = new FakeNft();
  nft.answer = async () => ({
    ...OK,
    code: 1,
    stderr: "Error: Could not process rule: Operation not permitted",
  });
  await assert.rejects(start(nft, createTrafficModel()).kernel.started, (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.parts.next ?? "", /\broot\b/);
    return true;
  });
});

test("a host without conntrack is told once, and the rules go on", async () => {
  const nft = new FakeNft();
  const model = createTrafficModel();
  const { kernel, errors, reports } = start(nft, model, async (argv, input) =>
    argv[0] === "conntrack" ? createExec()(["/nonexistent/conntrack"]) : nft.exec(argv, input),
  );
  await kernel.started;
  for (const pod of ["a", "b", "a"] as const) {
    setWeb(model, web(), [{ pod }]);
    await kernel.settled();
  }
  assert.equal(errors.length, 1);
  assert.match(errors[0]?.message ?? "", /conntrack/);
  assert.equal(reports.length, 4);
});

test("an ended loop leaves the rules and does nothing more", async () => {
  const nft = new FakeNft();
  const model = createTrafficModel();
  const { kernel, stop } = start(nft, model);
  await kernel.started;
  stop.abort();
  await kernel.ended;
  nft.scripts.length = 0;
  setWeb(model, web(), [{ pod: "a" }]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(nft.scripts, []);
});

test("other facts about the node are put into force", async () => {
  const nft = new FakeNft();
  const { kernel } = start(nft, createTrafficModel());
  await kernel.started;
  nft.scripts.length = 0;
  kernel.setFacts({ ...FACTS, families: ["IPv6"], nodePortAddresses: { IPv6: ["fd00:172:18::/64"] } });
  await kernel.settled();
  assert.equal(nft.scripts.length, 1);
  assert.match(nft.scripts[0] ?? "", /ip6 daddr \{ fd00:172:18::\/64 \} meta l4proto/);
});

function immediately(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
