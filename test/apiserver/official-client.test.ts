import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  ADD,
  CoreV1Api,
  DELETE,
  KubeConfig,
  makeInformer,
  UPDATE,
  type V1Service,
} from "@kubernetes/client-node";
import { freePort } from "../envoy/ads-envoy.ts";
import { startProcess } from "./process.ts";

/** The official Kubernetes client for JavaScript, used as its documentation says, across a restart of the server. */
describe("the informer of the official JavaScript client", () => {
  test("sees every Service, goes on after a restart, and after its version expired", async () => {
    const directory = mkdtempSync(join(tmpdir(), "tandem-official-"));
    const args = ["--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112"];
    // not one that the system gives to others while the server is away
    const port = await freePort();
    args.push(`--secure-port=${port}`);
    let server = await startProcess(directory, args);
    const config = new KubeConfig();
    config.loadFromFile(join(directory, "kubeconfig"));
    const api = config.makeApiClient(CoreV1Api);
    const namespace = "default";
    const informer = makeInformer<V1Service>(config, `/api/v1/namespaces/${namespace}/services`, () =>
      api.listNamespacedService({ namespace }),
    );
    const seen = new Map<string, V1Service>();
    informer.on(ADD, (object) => seen.set(object.metadata?.name ?? "", object));
    informer.on(UPDATE, (object) => seen.set(object.metadata?.name ?? "", object));
    informer.on(DELETE, (object) => seen.delete(object.metadata?.name ?? ""));
    // as the client's documentation asks: start again after an error
    let done = false;
    informer.on("error", () => setTimeout(() => done || void informer.start(), 50));
    await informer.start();
    const create = (name: string) =>
      api.createNamespacedService({
        namespace,
        body: { metadata: { name }, spec: { ipFamilyPolicy: "RequireDualStack", ports: [{ port: 80 }] } },
      });
    try {
      assert.equal((await create("before")).spec?.clusterIPs?.length, 2);
      await until(() => seen.has("before"));
      // a restarted server has no history from before: the client's version has expired
      await stop(server.child);
      server = await startProcess(directory, args);
      await create("after");
      await until(() => seen.has("after"));
      await api.deleteNamespacedService({ namespace, name: "before" });
      await until(() => !seen.has("before"));
      assert.deepEqual([...seen.keys()].sort(), ["after", "kubernetes"]);
    } finally {
      done = true;
      await informer.stop();
      await stop(server.child);
      rmSync(directory, { recursive: true });
    }
  });
});

function stop(child: ChildProcess): Promise<unknown> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  return ended;
}

const ATTEMPTS = 6000;

async function until(holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail("it does not come true");
}
