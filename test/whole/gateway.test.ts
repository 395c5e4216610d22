/** Gateways on Envoy, with real packets: from outside of the cluster and from pods, over both families. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { KubeClient } from "../../src/client/index.ts";
import { GATEWAY_KINDS, type Gateway, type HTTPRoute } from "../../src/objects/gateway/index.ts";
import { type Kind, KINDS } from "../../src/objects/kinds.ts";
import type { KubeObject, Pod } from "../../src/objects/types.ts";
import { createAuthority, issueCertificate } from "../../src/pki/issue.ts";
import { eventually } from "../controllers/cluster.ts";
import { OUTSIDE, startLoad, targetsOf, urlHost } from "./load.ts";
import { downAfterTest, type Home, replacePart, ROOT, upForTest } from "./tandem.ts";

const KILLS = 10;
/** Requests a second, and under way at once at most: more would only queue up on a busy machine. */
const RATE = "100/32";
/** Milliseconds of requests before and after the loss of a family; connections over it are given up after 2 s. */
const LOSS_SPAN = 5000;

describe("a Gateway over both families", () => {
  let home: Home;
  let client: KubeClient;

  before(async () => {
    ({ home, client } = await upForTest(() => ["-f", join(ROOT, "examples/gateway")]));
  });

  after(() => downAfterTest({ home, client }));

  const gateway = (name: string) => client.get<Gateway>(GATEWAY_KINDS.Gateway, name, "shop");
  const addressesOf = async (name: string): Promise<string[]> =>
    ((await gateway(name)).status?.addresses ?? []).map(({ value }) => urlHost(value ?? ""));
  const outside = (...command: string[]) => home.run(["lab", "exec", "--outside", "--", ...command]);
  const inPod = (...command: string[]) =>
    home.run(["lab", "exec", "-n", "shop", "deploy/catalogue", "--", ...command]);
  const proxyPod = async (name = "edge"): Promise<Pod> => {
    const labelSelector = `gateway.networking.k8s.io/gateway-name=${name}`;
    const { items } = await client.list<Pod>(KINDS.Pod, { namespace: "shop", labelSelector });
    return items[0] as Pod;
  };
  const create = <T extends KubeObject>(kind: Kind, name: string, spec: object) =>
    client.create<T>(kind, { metadata: { name, namespace: "shop" }, spec });
  /** Requests to the addresses in turn, from outside of the cluster. */
  const startShopping = (addresses: readonly string[]) =>
    startLoad(home, OUTSIDE, RATE, targetsOf("shop.example.com", addresses, "/cart"));
  const conditionOf = (object: Gateway, type: string) =>
    object.status?.conditions?.find((each) => each.type === type);

  test("has an address of each family, the primary one first", async () => {
    const addresses = await addressesOf("edge");
    assert.equal(addresses.length, 2);
    assert.match(addresses[0] ?? "", /^172\.18\./);
    assert.match(addresses[1] ?? "", /^\[fd00:172:18:/);
    await eventually(
      () => gateway("edge"),
      (now) => conditionOf(now, "tandem.dev/DualStack")?.status === "True",
    );
  });

  test("is answered by its backends from outside and from a pod, over each family", async () => {
    for (const address of await addressesOf("edge")) {
      for (const run of [outside, inPod]) {
        for (const [path, answer] of [
          ["/", "catalogue\n"],
          ["/cart/1", "cart\n"],
        ] as const) {
          const result = run(...CURL, "-H", "Host: shop.example.com", `http://${address}${path}`);
          assert.equal(result.stdout, answer, `${address}${path}: ${result.stderr}`);
        }
        const unknown = run(
          ...CURL,
          "-o",
          "/dev/null",
          "-w",
          "%{http_code}",
          "-H",
          "Host: other.test",
          `http://${address}/`,
        );
        assert.equal(unknown.stdout, "404");
      }
    }
  });

  test("readiness and stats of the proxy answer over each family; its admin interface does to nobody", async () => {
    const { status } = await proxyPod();
    const addresses = (status?.podIPs ?? []).map(({ ip }) => urlHost(ip));
    assert.equal(addresses.length, 2);
    for (const address of addresses) {
      assert.equal(inPod(...CURL, `http://${address}:19003/ready`).stdout, "LIVE\n");
      assert.match(inPod(...CURL, `http://${address}:19001/stats/prometheus`).stdout, /envoy_server_live/);
      assert.notEqual(inPod(...CURL, `http://${address}:19000/`).status, 0);
      assert.notEqual(inPod(...CURL, `http://${address}:19001/quitquitquit`).stdout, "OK\n");
    }
  });

  test("ends TLS over each family", async () => {
    const authority = await createAuthority("test");
    const names = {
      commonName: "shop",
      subjectAltNames: ["DNS:secure.test"],
      usages: ["serverAuth" as const],
      days: 2,
    };
    const { certificate, key } = await issueCertificate(authority, names);
    const data = { "tls.crt": base64(certificate), "tls.key": base64(key) };
    await client.create(KINDS.Secret, {
      metadata: { name: "cert", namespace: "shop" },
      type: "kubernetes.io/tls",
      data,
    });
    await create(GATEWAY_KINDS.Gateway, "secure", {
      gatewayClassName: "tandem",
      listeners: [
        { name: "https", port: 443, protocol: "HTTPS", tls: { certificateRefs: [{ name: "cert" }] } },
      ],
    });
    await create(GATEWAY_KINDS.HTTPRoute, "secure", {
      parentRefs: [{ name: "secure" }],
      rules: [{ backendRefs: [{ name: "catalogue", port: 80 }] }],
    });
    await eventually(
      () => gateway("secure"),
      (now) => conditionOf(now, "Programmed")?.status === "True" && now.status?.addresses?.length === 2,
    );
    const trust = join(home.path, "ca.crt");
    writeFileSync(trust, authority.certificate);
    for (const address of await addressesOf("secure")) {
      const resolve = `secure.test:443:${address}`;
      // it is said to be reached a moment after nodes heard of it: a busy one may refuse connections still
      await eventually(
        async () => outside(...CURL, "--cacert", trust, "--resolve", resolve, "https://secure.test/"),
        ({ stdout }) => stdout === "catalogue\n",
      );
    }
  });

  test("a new route that is Accepted is served from then on", async () => {
    const [address] = await addressesOf("edge");
    const rules = [{ backendRefs: [{ name: "cart", port: 80 }] }];
    await create(GATEWAY_KINDS.HTTPRoute, "late", {
      parentRefs: [{ name: "edge" }],
      hostnames: ["late.test"],
      rules,
    });
    await eventually(
      () => client.get<HTTPRoute>(GATEWAY_KINDS.HTTPRoute, "late", "shop"),
      ({ status }) =>
        status?.parents[0]?.conditions.some(({ type, status }) => type === "Accepted" && status === "True") ??
        false,
    );
    assert.equal(outside(...CURL, "-H", "Host: late.test", `http://${address}/`).stdout, "cart\n");
  });

  test("requests go on while its control plane is killed, and changes take effect afterwards", async () => {
    const load = await startShopping(await addressesOf("edge"));
    for (let kill = 0; kill < KILLS; kill++) {
      await replacePart(home, kill % 2 === 0 ? "gateway" : "control-plane");
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    const report = await load.end();
    assert.deepEqual(report.failed, {});
    assert.ok(report.ok > 0, JSON.stringify(report));
    const rules = [{ backendRefs: [{ name: "cart", port: 80 }] }];
    await eventually(
      () =>
        create(GATEWAY_KINDS.HTTPRoute, "after", {
          parentRefs: [{ name: "edge" }],
          hostnames: ["after.test"],
          rules,
        }).catch(() => undefined),
      (made) => made !== undefined,
    );
    const [, address] = await addressesOf("edge");
    await eventually(
      async () => outside(...CURL, "-H", "Host: after.test", `http://${address}/`).stdout,
      (answer) => answer === "cart\n",
    );
  });

  test("its proxy comes back when it is killed, with the same configuration", async () => {
    const { metadata } = await proxyPod();
    home.run(["lab", "exec", "-n", "shop", metadata.name, "--", "sh", "-c", "kill -9 $(pidof envoy)"]);
    // until it is seen to have come back, it may yet be taken out of its Service, with the next test's connections
    await eventually(proxyPod, ({ status }) => {
      const [proxy] = status?.containerStatuses ?? [];
      return (proxy?.restartCount ?? 0) > 0 && proxy?.ready === true;
    });
    for (const address of await addressesOf("edge")) {
      await eventually(
        async () => outside(...CURL, "-H", "Host: shop.example.com", `http://${address}/cart`).stdout,
        (answer) => answer === "cart\n",
      );
    }
  });

  test("requests go on over the other family when one of a backend's is lost", async (t) => {
    // the pod stays ready: Kubernetes asks for readiness over one family alone
    const unprobed = [{ op: "remove", path: "/spec/template/spec/containers/0/readinessProbe" }];
    await client.patch(KINDS.Deployment, "cart", "shop", unprobed, { type: "json" });
    const list = () => client.list<Pod>(KINDS.Pod, { namespace: "shop", labelSelector: "app=cart" });
    const { items } = await eventually(
      list,
      ({ items: pods }) => pods.length === 1 && isUnprobedAndReady(pods[0]),
    );
    const addresses = await addressesOf("edge");
    // without a probe it is ready before it listens
    for (const address of addresses)
      await eventually(
        async () => outside(...CURL, "-H", "Host: shop.example.com", `http://${address}/cart`).stdout,
        (answer) => answer === "cart\n",
      );
    for (const family of ["IPv4", "IPv6"]) {
      const calm = await startShopping(addresses);
      await new Promise((resolve) => setTimeout(resolve, LOSS_SPAN));
      const before = await calm.end();
      const through = await startShopping(addresses);
      const broken = home.run(["lab", "break", "pod", `shop/${items[0]?.metadata.name}`, "--family", family]);
      assert.equal(broken.status, 0, broken.stderr);
      await new Promise((resolve) => setTimeout(resolve, LOSS_SPAN));
      const report = await through.end();
      t.diagnostic(`${family} lost: ${JSON.stringify(report)}; before: ${JSON.stringify(before)}`);
      // what was under way on connections over that family is asked again: GET changes nothing
      assert.deepEqual(report.failed, {});
      assert.deepEqual(before.failed, {});
      assert.equal(home.run(["lab", "mend"]).status, 0);
    }
  });

  test("what it was made of goes with it", async () => {
    await client.delete(GATEWAY_KINDS.Gateway, "secure", "shop");
    const gone = (kind: Kind) =>
      eventually(
        () => client.get<KubeObject>(kind, "secure-tandem", "shop").catch(() => undefined),
        (found) => found === undefined,
      );
    await Promise.all([KINDS.Deployment, KINDS.Service, KINDS.Secret, KINDS.ServiceAccount].map(gone));
  });
});

function isUnprobedAndReady(pod: Pod | undefined): boolean {
  const ready =
    pod?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  return ready && pod?.spec.containers[0]?.readinessProbe === undefined;
}

const CURL = ["curl", "-sS", "--max-time", "30", "-g"];

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
