import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Settling } from "../../src/controllers/gateway/settling.ts";
import type { Gateway } from "../../src/objects/gateway/index.ts";

const KEY = "default/edge";
const ADDRESSES = [{ type: "IPAddress", value: "192.0.2.9" }] as const;
const REACHABLE = { addresses: [...ADDRESSES], readyProxies: 1 };
const NOT_READY = { addresses: [...ADDRESSES], readyProxies: 0 };

const gateway = (programmed: boolean): { gateway: Gateway } => ({
  gateway: {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "edge", namespace: "default" },
    spec: { gatewayClassName: "tandem", listeners: [] },
    status: { conditions: [{ type: "Programmed", status: programmed ? "True" : "False" }] },
  } as unknown as Gateway,
});

test("that a Gateway can be reached is told a moment later, once, and anew after it could not be", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    const again: string[] = [];
    const settling = new Settling((key) => again.push(key), new AbortController().signal);
    assert.equal(settling.has(KEY, NOT_READY, gateway(false)), true);
    assert.equal(settling.has(KEY, REACHABLE, gateway(false)), false);
    mock.timers.tick(50);
    assert.equal(settling.has(KEY, REACHABLE, gateway(false)), false);
    assert.deepEqual(again, []);
    mock.timers.tick(60);
    assert.deepEqual(again, [KEY]);
    assert.equal(settling.has(KEY, REACHABLE, gateway(false)), true);
    assert.equal(settling.has(KEY, NOT_READY, gateway(false)), true);
    assert.equal(settling.has(KEY, REACHABLE, gateway(false)), false);
  } finally {
    mock.timers.reset();
  }
});

test("what was said before a restart of the controller is not taken back", () => {
  const settling = new Settling(() => assert.fail("nothing to wait for"), new AbortController().signal);
  assert.equal(settling.has(KEY, REACHABLE, gateway(true)), true);
  assert.equal(settling.has(KEY, REACHABLE, gateway(true)), true);
});

test("nothing is done again after the end", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    const abort = new AbortController();
    const settling = new Settling(() => assert.fail("ended"), abort.signal);
    assert.equal(settling.has(KEY, REACHABLE, gateway(false)), false);
    abort.abort();
    mock.timers.tick(200);
  } finally {
    mock.timers.reset();
  }
});
