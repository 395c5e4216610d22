import assert from "node:assert/strict";
import { request } from "node:https";
import { after, before, describe, test } from "node:test";
import { startMesh } from "../../src/cli/mesh/run.ts";
import { leadWhile } from "../../src/client/index.ts";
import { MESH_AUTHORITY } from "../../src/controllers/mesh/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { AnyObject, Secret } from "../../src/objects/types.ts";
import { freePort } from "../envoy/ads-envoy.ts";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const REVIEW = {
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "1",
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    operation: "CREATE",
    namespace: "default",
    object: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "cart", labels: { "tandem.dev/inject": "enabled" } },
      spec: { serviceAccountName: "cart", containers: [{ name: "main", image: "cart" }] },
    },
  },
};

interface Registration extends AnyObject {
  readonly webhooks: readonly {
    readonly clientConfig: { readonly url: string; readonly caBundle: string };
  }[];
}

describe("replicas of a mesh", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster.close());

  async function startReplica(identity: string) {
    const { client } = cluster;
    const [xdsPort, webhookPort, grpcPort] = [await freePort(), await freePort(), await freePort()];
    const abort = new AbortController();
    const url = `https://127.0.0.1:${webhookPort}`;
    const log: string[] = [];
    const lease = { client, namespace: "default", name: "mesh", identity, retryMs: 20 };
    const { stopped } = await startMesh({
      client,
      listen: ["127.0.0.1"],
      advertise: ["127.0.0.1", "::1"],
      xdsPort,
      webhookPort,
      grpcPort,
      webhook: { url },
      families: ["IPv4", "IPv6"],
      clusterDomain: "cluster.local",
      initImage: "tandem",
      lead: (work, signal) => leadWhile(lease, work, signal),
      leaseNamespace: "default",
      log: (line) => log.push(line),
      signal: abort.signal,
    });
    const stop = (): Promise<void> => {
      abort.abort();
      return stopped;
    };
    return { url, webhookPort, log, stop };
  }
  const registration = () =>
    cluster.client
      .get<Registration>(KINDS.MutatingWebhookConfiguration, "tandem-mesh")
      .then(({ webhooks }) => webhooks[0]?.clientConfig)
      .catch(() => undefined);
  const registered = (url: string) =>
    eventually(registration, (config) => config?.url.startsWith(url) === true);
  const secretOf = (name: string, namespace: string) =>
    cluster.client.get<Secret>(KINDS.Secret, name, namespace).catch(() => undefined);

  /** What a webhook answers to a pod; the connection is refused unless its certificate is of this authority. */
  function review(port: number, ca: string): Promise<string> {
    const body = JSON.stringify(REVIEW);
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, path: "/inject", method: "POST", ca, agent: false };
      const call = request(options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => resolve(`${response.statusCode} ${text}`));
      });
      call.setHeader("content-type", "application/json");
      call.on("error", reject).end(body);
    });
  }

  test("all inject by one authority; the one that leads is registered and renews Secrets, and another follows it", async () => {
    const [a, b] = await Promise.all([startReplica("a"), startReplica("b")]);
    const config = await eventually(registration, (found) => found !== undefined);
    const [leader, other] = config?.url.startsWith(a.url) ? [a, b] : [b, a];
    const authority = await secretOf(MESH_AUTHORITY, "tandem-system");
    const ca = Buffer.from(authority?.data?.["tls.crt"] ?? "", "base64").toString();
    assert.equal(
      Buffer.from(config?.caBundle ?? "", "base64")
        .toString()
        .trim(),
      ca.trim(),
    );
    for (const { webhookPort } of [leader, other])
      assert.match(await review(webhookPort, ca), /^200 .*"patch"/);
    const made = await eventually(
      () => secretOf("tandem-mesh-cart", "default"),
      (secret) => secret !== undefined,
    );
    // both have been asked for this account; the second one to come finds it there
    await review(other.webhookPort, ca);
    assert.equal(
      (await secretOf("tandem-mesh-cart", "default"))?.metadata.resourceVersion,
      made?.metadata.resourceVersion,
    );
    const broken = { data: { "tls.crt": "" } };
    await cluster.client.patch(KINDS.Secret, "tandem-mesh-cart", "default", broken, { type: "merge" });
    await review(other.webhookPort, ca);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(
      (await secretOf("tandem-mesh-cart", "default"))?.data?.["tls.crt"],
      "",
      "that is the leader's to mend",
    );
    await review(leader.webhookPort, ca);
    const mended = await eventually(
      () => secretOf("tandem-mesh-cart", "default"),
      (secret) => secret?.data?.["tls.crt"] !== "",
    );
    await leader.stop();
    await registered(other.url);
    assert.equal(
      (await secretOf("tandem-mesh-cart", "default"))?.data?.["tls.crt"],
      mended?.data?.["tls.crt"],
    );
    assert.match(await review(other.webhookPort, ca), /^200 .*"patch"/);
    assert.deepEqual((await secretOf(MESH_AUTHORITY, "tandem-system"))?.data, authority?.data);
    await other.stop();
    for (const { log } of [a, b])
      assert.deepEqual(
        log.filter((line) => /exists|conflict/i.test(line)),
        [],
      );
  });
});
