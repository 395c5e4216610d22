import assert from "node:assert/strict";
import { test } from "node:test";
import { Quiet } from "../../src/cli/xds/quiet.ts";

test("it is quiet once nothing happens after a lot has, and not while it goes on", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let calls = 0;
  const quiet = new Quiet(() => calls++);
  quiet.note();
  context.mock.timers.tick(60_000);
  assert.equal(calls, 0, "a little is nothing");
  quiet.note(100);
  context.mock.timers.tick(1_500);
  quiet.note();
  context.mock.timers.tick(1_500);
  assert.equal(calls, 0, "something has happened meanwhile");
  context.mock.timers.tick(1_000);
  assert.equal(calls, 1);
  quiet.note();
  context.mock.timers.tick(60_000);
  assert.equal(calls, 1, "it begins anew");
  quiet.note(100);
  quiet.stop();
  context.mock.timers.tick(60_000);
  assert.equal(calls, 1);
});
