import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterUidOf } from "../../src/cli/balancer/cluster-uid.ts";
import type { KubeClient } from "../../src/client/index.ts";
import { ApiError } from "../../src/objects/status.ts";

const forever = new AbortController().signal;

/** A fake of the client: answers what it is asked for in turn. */
function world(readOnly: boolean, ...answers: readonly (string | Error)[]) {
  const asked: string[] = [];
  const lines: string[] = [];
  const client = {
    async get({ kind }: { kind: string }, name: string) {
      const answer = answers[asked.push(`${kind} ${name}`) - 1];
      if (answer instanceof Error) throw answer;
      return { metadata: { uid: answer } };
    },
  } as unknown as KubeClient;
  return { asked, lines, options: { client, readOnly, log: (line: string) => void lines.push(line) } };
}

const refusal = (code: number, reason: string) =>
  new ApiError({ code, reason, message: `namespaces "kube-system" is ${reason}` });

test("a cluster is told by the uid of kube-system", async () => {
  const { options, asked, lines } = world(true, "uid-a");
  assert.equal(await clusterUidOf(options, forever), "uid-a");
  assert.deepEqual([asked, lines], [["Namespace kube-system"], []]);
});

for (const error of [refusal(403, "Forbidden"), refusal(404, "NotFound")])
  test(`where it does not say (${error.code}), that is told with what to allow`, async () => {
    const { options, lines } = world(false, error);
    assert.equal(await clusterUidOf(options, forever), undefined);
    assert.match(
      lines.join(),
      /^another cluster with this --cluster-name would not be noticed: .*next: allow to get/s,
    );
  });

test("a process that serves asks until it is answered; one that reads fails", async () => {
  const waiting = world(false, new Error("connect ECONNREFUSED"), "uid-a");
  assert.equal(await clusterUidOf(waiting.options, forever), "uid-a");
  assert.match(
    waiting.lines.join(),
    /^asking for namespace kube-system \(tried again\): connect ECONNREFUSED$/,
  );
  await assert.rejects(clusterUidOf(world(true, new Error("gone")).options, forever), /gone/);
});

test("without a cluster, or at the end, nobody is asked", async () => {
  const { options, asked } = world(false, "uid-a");
  assert.equal(await clusterUidOf({ ...options, client: undefined }, forever), undefined);
  assert.equal(await clusterUidOf(options, AbortSignal.abort()), undefined);
  assert.deepEqual(asked, []);
});
