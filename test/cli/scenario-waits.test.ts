import assert from "node:assert/strict";
import { test } from "node:test";
import { inPart, untilFound } from "../../src/cli/scenarios/scenario.ts";
import { UserError } from "../../src/errors/user-error.ts";

const nothing = () => Promise.resolve(undefined);

test("what does not come in a scenario is an error with what, where, why and what next", async () => {
  let waited = 0;
  const pause = async (ms: number) => {
    waited += ms;
  };
  const wait = inPart("scenario 000, step 3 (Service)", () =>
    untilFound("an answer", nothing, new AbortController().signal, pause),
  );
  const message =
    "cannot go on with the scenario: an answer did not come within 60 s\n" +
    "  where: scenario 000, step 3 (Service)\n" +
    "  next: play it again when the machine is less busy; nothing is left of this play";
  await assert.rejects(wait, (error) => error instanceof UserError && error.message === message);
  assert.equal(waited, 60_000);
});

test("a scenario that is stopped while it waits says so, and not that something is unexpected", async () => {
  const stopped = new UserError({ what: "stopped", why: "SIGINT received" });
  const controller = new AbortController();
  const wait = untilFound("an answer", nothing, controller.signal);
  controller.abort(stopped);
  await assert.rejects(wait, (error) => error === stopped);
});

test("an error that says where it is keeps that", async () => {
  const error = new UserError({ what: "cannot play the scenario", where: "nginx", why: "it is not here" });
  await assert.rejects(
    inPart("step 1", () => Promise.reject(error)),
    (seen) => seen === error,
  );
});
