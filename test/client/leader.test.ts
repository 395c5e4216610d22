import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type LeaderOptions, leadWhile } from "../../src/client/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Lease } from "../../src/objects/types.ts";
import { eventually, startCluster, type TestCluster } from "../controllers/cluster.ts";

describe("election by a Lease", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster.close());

  /** A candidate; `leads` says whether it is at work now. */
  function candidate(name: string, identity: string, more: Partial<LeaderOptions> = {}) {
    const abort = new AbortController();
    const state = { leads: false, terms: 0 };
    const work = async (signal: AbortSignal): Promise<void> => {
      state.leads = true;
      state.terms++;
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      state.leads = false;
    };
    const options = { client: cluster.client, namespace: "default", name, identity, retryMs: 20, ...more };
    const ended = leadWhile(options, work, abort.signal);
    const stop = (): Promise<void> => {
      abort.abort();
      return ended;
    };
    return { state, stop };
  }
  const until = (holds: () => boolean) => eventually(async () => holds(), Boolean);
  const leaseOf = (name: string): Promise<Lease> => cluster.client.get<Lease>(KINDS.Lease, name, "default");

  test("one leads; when it ends the other takes over at once", async () => {
    const a = candidate("one", "a");
    await until(() => a.state.leads);
    const b = candidate("one", "b");
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(b.state.leads, false);
    assert.equal((await leaseOf("one")).spec?.holderIdentity, "a");
    await a.stop(); // a lease of 15 s is not waited for
    await until(() => b.state.leads);
    assert.equal((await leaseOf("one")).spec?.leaseTransitions, 1);
    await b.stop();
    assert.equal((await leaseOf("one")).spec?.holderIdentity, "");
  });

  test("who waits says for whom, once; work that throws gives the lease back", async () => {
    const a = candidate("told", "a");
    await until(() => a.state.leads);
    const log: string[] = [];
    const b = candidate("told", "b", { log: (line) => log.push(line) });
    await until(() => log.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100)); // several looks
    assert.deepEqual(log, ["b waits: a leads (Lease default/told)"]);
    await b.stop();
    await a.stop();
    const options = { client: cluster.client, namespace: "default", name: "thrown", identity: "c" };
    const fail = () => Promise.reject(new Error("no such VPC"));
    await assert.rejects(leadWhile(options, fail, new AbortController().signal), /no such VPC/);
    assert.equal((await leaseOf("thrown")).spec?.holderIdentity, "");
  });

  test("a leader that is silent is followed after its lease's time, and not before", async () => {
    const now = { ms: 0 };
    const spec = {
      holderIdentity: "dead",
      leaseDurationSeconds: 15,
      renewTime: "2001-01-01T00:00:00.000000Z",
    };
    await cluster.client.create<Lease>(KINDS.Lease, {
      metadata: { name: "silent", namespace: "default" },
      spec,
    });
    const log: string[] = [];
    const b = candidate("silent", "b", { clock: () => now.ms, log: (line) => log.push(line) });
    await until(() => log.length > 0); // from its first look on it counts
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(b.state.leads, false, "another's clock may be wrong: its times do not count");
    now.ms = 14_999;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(b.state.leads, false);
    now.ms = 15_000;
    await until(() => b.state.leads);
    await b.stop();
  });

  test("who lost the lease ends its work", async () => {
    const now = { ms: 0 };
    const a = candidate("lost", "a", { clock: () => now.ms });
    await until(() => a.state.leads);
    const taken = { spec: { holderIdentity: "thief" } };
    await cluster.client.patch(KINDS.Lease, "lost", "default", taken, { type: "merge" });
    await until(() => !a.state.leads);
    await a.stop();
    assert.equal((await leaseOf("lost")).spec?.holderIdentity, "thief");
  });

  test("what the work throws is thrown", async () => {
    const options = {
      client: cluster.client,
      namespace: "default",
      name: "throws",
      identity: "a",
      retryMs: 20,
    };
    const work = () => Promise.reject(new Error("no port is free"));
    await assert.rejects(leadWhile(options, work, new AbortController().signal), /no port is free/);
  });
});
