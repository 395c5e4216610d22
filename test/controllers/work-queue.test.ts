import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkQueue } from "../../src/controllers/runtime/work-queue.ts";

/** Resolves when a condition holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test("a key waits once, is never under way twice, and is worked again when added meanwhile", async () => {
  const log: string[] = [];
  let release: () => void = () => {};
  const queue = new WorkQueue({ name: "test", workers: 4 }, async (key) => {
    log.push(key);
    if (key === "a" && log.length <= 2) await new Promise<void>((resolve) => (release = resolve));
  });
  for (const key of ["a", "b", "a"]) queue.add(key);
  assert.deepEqual(log, [], "nothing is worked before the start");
  queue.start();
  assert.deepEqual(log, ["a", "b"]);
  queue.add("a");
  queue.add("a");
  await until(() => true);
  assert.deepEqual(log, ["a", "b"]);
  release();
  await until(() => log.length === 3);
  assert.deepEqual(log, ["a", "b", "a"]);
  await queue.stop();
});

test("failures are tried again, so often and no more; success forgets them", async () => {
  let runs = 0;
  const told: boolean[] = [];
  const queue = new WorkQueue(
    { name: "test", maxRetries: 2, firstRetry: 1, onFailure: (_key, _error, dropped) => told.push(dropped) },
    async () => {
      runs++;
      throw new Error("no");
    },
  );
  queue.start();
  queue.add("x");
  await until(() => told.includes(true));
  assert.deepEqual([runs, told], [3, [false, false, true]]);
  queue.add("x");
  await until(() => runs === 4);
  await queue.stop();
});

test("of several delays for a key the shortest counts; a stopped queue does nothing more", async () => {
  const log: string[] = [];
  const queue = new WorkQueue({ name: "test" }, async (key) => void log.push(key));
  queue.start();
  queue.addAfter("x", 60_000);
  queue.addAfter("x", 1);
  queue.addAfter("x", 60_000);
  await until(() => log.length === 1);
  queue.addAfter("y", 1);
  await queue.stop();
  queue.add("z");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(log, ["x"]);
});

test("stopping waits for what is under way", async () => {
  let ended = false;
  const queue = new WorkQueue({ name: "test" }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    ended = true;
  });
  queue.start();
  queue.add("x");
  await queue.stop();
  assert.ok(ended);
});
