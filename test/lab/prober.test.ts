import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProbeTarget } from "../../src/lab/kubelet/probe.ts";
import { runProber } from "../../src/lab/kubelet/prober.ts";
import type { Container } from "../../src/objects/types.ts";

test("each try of a liveness probe counts, also where timers come before the clock has got there", async (context) => {
  const began = performance.now();
  const real = performance.now.bind(performance);
  // a clock that lags behind timers, far more than any does
  context.mock.method(performance, "now", () => began + (real() - began) / 2);
  const end = new AbortController();
  let tries = 0;
  const target: ProbeTarget = {
    podIP: "10.244.0.5",
    container: { name: "main" } as Container,
    // one try alone fails: the second, which comes when the clock has gone half of the period
    exec: async () => {
      if (++tries === 3) end.abort();
      return { code: tries === 2 ? 1 : 0, output: "" };
    },
  };
  const verdicts: boolean[] = [];
  const probe = { exec: { command: ["check"] }, periodSeconds: 0.02, failureThreshold: 1 };
  const listener = { onFailure: () => {}, onVerdict: (ok: boolean) => verdicts.push(ok) };
  await runProber(probe, "Liveness", target, listener, end.signal);
  assert.deepEqual(verdicts, [true, false]);
});
