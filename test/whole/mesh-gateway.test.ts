/** Gateways in the mesh with real packets: strict ports, identities, pods without sidecars, other authorities. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KubeClient } from "../../src/client/index.ts";
import { GATEWAY_KINDS, type Gateway } from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { MESH_KINDS } from "../../src/objects/mesh/index.ts";
import type { KubeObject, Pod } from "../../src/objects/types.ts";
import { createAuthority } from "../../src/pki/issue.ts";
import { eventually } from "../controllers/cluster.ts";
import { OUTSIDE, startLoad, targetsOf, urlHost } from "./load.ts";
import { GATEWAY_IDENTITY, halfDead, manifests } from "./mesh-gateway-objects.ts";
import { downAfterTest, type Home, manifestIn, replacePart, upForTest } from "./tandem.ts";

/** Requests a second, and under way at once at most. */
const RATE = "50/16";
const KILLS = 4;
const SPAN = 2000;

describe("a Gateway in the mesh", () => {
  let home: Home;
  let client: KubeClient;
  let addresses: string[];

  before(async () => {
    ({ home, client } = await upForTest((at) => ["-f", manifestIn(at, manifests())]));
    const { status } = await client.get<Gateway>(GATEWAY_KINDS.Gateway, "edge", "edge");
    addresses = (status?.addresses ?? []).map(({ value = "" }) => value);
    assert.deepEqual(
      addresses.map((address) => address.includes(":")),
      [false, true],
    );
  });

  after(() => downAfterTest({ home, client }));

  const outside = (...command: string[]) => home.run(["lab", "exec", "--outside", "--", ...command]);
  const inPlain = (...command: string[]) =>
    home.run(["lab", "exec", "-n", "outside", "deploy/plain", "--", ...command]);
  /** What a host of the Gateway answers at an address. */
  const ask = (host: string, address: string, ...more: string[]): string =>
    outside(...CURL, "-H", `Host: ${host}`, ...more, `http://${urlHost(address)}/`).stdout;
  const say = (address: string): string => {
    const script = `exec 3<>/dev/tcp/${address}/9000; echo it is me >&3; head -n 1 <&3`;
    return outside("timeout", "20", "bash", "-c", script).stdout;
  };
  const podOf = async (namespace: string, labelSelector: string): Promise<Pod> => {
    const { items } = await client.list<Pod>(KINDS.Pod, { namespace, labelSelector });
    return items.find(({ metadata }) => !metadata.deletionTimestamp) as Pod;
  };
  const settled = <T>(look: () => T | Promise<T>, good: (value: T) => boolean) =>
    eventually(async () => look(), good);

  test("strict ports turn away pods without a sidecar, by each family", async () => {
    for (const { ip } of (await podOf("shop", "app=web")).status?.podIPs ?? [])
      assert.notEqual(inPlain(...CURL, `http://${urlHost(ip)}:8080/`).status, 0);
  });

  test("and are reached through the Gateway over each family: HTTP, gRPC, TCP, TLS passed through", () => {
    for (const address of addresses) {
      assert.equal(ask("web.test", address), "web\n");
      const grpc = ["--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers"];
      const url = `http://${urlHost(address)}/echo.Echo/Say`;
      const empty = `printf '\\0\\0\\0\\0\\0' | ${[...CURL, ...grpc, "-H", "host: grpc.test"].map(quoted).join(" ")}`;
      const { stdout, stderr } = outside("sh", "-c", `${empty} --data-binary @- --output - '${url}'`);
      assert.match(stdout, /IPv[46]/, stderr);
      assert.equal(say(address), "hello it is me\n");
      const resolve = `tls.test:443:${urlHost(address)}`;
      const tls = outside(...CURL, "-k", "--resolve", resolve, "https://tls.test/");
      assert.equal(tls.stdout, "tls tls.test\n", tls.stderr);
    }
  });

  test("active checks go by mutual TLS as well", async () => {
    for (const address of addresses) assert.equal(ask("checked.test", address), "checked\n");
    const { metadata } = await podOf("edge", "gateway.networking.k8s.io/gateway-name=edge");
    await settled(
      () => {
        const { stdout } = home.run(["proxy-config", "endpoints", `${metadata.name}.edge`]);
        return stdout.split("\n").filter((line) => line.includes("checked"));
      },
      (lines) => lines.length === 2 && lines.every((line) => / HEALTHY/.test(line)),
    );
  });

  test("an application that hears one family is reached over that, whatever its sidecar accepts", async () => {
    const [deployment, service, route] = halfDead() as [KubeObject, KubeObject, KubeObject];
    await client.create(KINDS.Deployment, deployment);
    await client.create(KINDS.Service, service);
    await client.create(GATEWAY_KINDS.HTTPRoute, route);
    for (const address of addresses) {
      await settled(
        () => ask("half.test", address),
        (said) => said === "half\n",
      );
      const answers = Array.from({ length: 10 }, () => ask("half.test", address));
      assert.deepEqual([...new Set(answers)], ["half\n"]);
    }
  });

  test("of one Service, a pod with a sidecar and one without are both reached", async () => {
    for (const address of addresses) {
      const heard = new Set<string>();
      await settled(
        () => heard.add(ask("mixed.test", address)),
        () => heard.has("inside\n") && heard.has("beside\n"),
      );
      assert.deepEqual([...heard].sort(), ["beside\n", "inside\n"]);
    }
  });

  test("rules tell the Gateway by its identity", async () => {
    const code = (address: string) => ask("web.test", address, "-o", "/dev/null", "-w", "%{http_code}");
    const allow = (identity: string) => ({ rules: [{ from: [{ identities: [identity] }] }] });
    const metadata = { name: "gateway", namespace: "shop" };
    const kind = MESH_KINDS.AuthorizationPolicy;
    await client.create(kind, { metadata, spec: allow("cluster.local/ns/edge/sa/other") });
    for (const address of addresses)
      await settled(
        () => code(address),
        (said) => said === "403",
      );
    // each pod hears of it by itself
    await settled(
      () => say(addresses[0] ?? ""),
      (said) => said === "",
    );
    const spec = allow(GATEWAY_IDENTITY);
    await client.patch(kind, metadata.name, metadata.namespace, { spec }, { type: "merge" });
    for (const address of addresses) {
      await settled(
        () => code(address),
        (said) => said === "200",
      );
      await settled(
        () => say(address),
        (said) => said === "hello it is me\n",
      );
    }
    await client.delete(kind, metadata.name, metadata.namespace);
    // connections that began under the rules before keep these until they have drained
    const { status } = await podOf("shop", "app=web");
    const stats = `http://${urlHost(status?.podIP ?? "")}:15090/stats/prometheus?filter=filter_chains_draining`;
    await settled(
      () => inPlain(...CURL, stats).stdout,
      (said) => /^envoy_listener_manager_total_filter_chains_draining\S* 0$/m.test(said),
    );
  });

  test("the log of the pod that answers names the Gateway", async () => {
    const { metadata } = await podOf("shop", "app=web");
    const path = `/api/v1/namespaces/shop/pods/${metadata.name}/log?container=tandem-proxy`;
    const [line] = await settled(
      async () =>
        String((await client.request("GET", path)).body)
          .split("\n")
          .flatMap(answered),
      (all) => all.length > 0,
    );
    assert.equal(line?.["source"], `spiffe://${GATEWAY_IDENTITY}`);
    const ip = metadata.name && (await podOf("shop", "app=web")).status?.podIP;
    const stats = `http://${urlHost(ip ?? "")}:15090/stats/prometheus?filter=tandem`;
    // counters begin anew where a listener is replaced, as by the rules before: only what is asked now is in them for sure
    await settled(
      () => {
        ask("web.test", addresses[0] ?? "");
        return inPlain(...CURL, stats).stdout;
      },
      (said) => said.includes(`source="spiffe://${GATEWAY_IDENTITY}"`),
    );
  });

  test("requests go on while the authority changes, with certificates of the new one", async () => {
    const { metadata } = await podOf("edge", "gateway.networking.k8s.io/gateway-name=edge");
    const shown = () =>
      certificateOf(home.run(["proxy-config", "secrets", `${metadata.name}.edge`, "-o", "json"]).stdout);
    const before = shown();
    assert.ok(before);
    const load = await startLoad(home, OUTSIDE, RATE, targetsOf("web.test", addresses));
    const next = await createAuthority("next");
    const data = { "tls.crt": base64(next.certificate), "tls.key": base64(next.key) };
    await client.patch(KINDS.Secret, "tandem-mesh-ca", "tandem-system", { data }, { type: "merge" });
    await settled(shown, (now) => now !== undefined && now !== before);
    await new Promise((resolve) => setTimeout(resolve, SPAN));
    const report = await load.end();
    assert.deepEqual(report.failed, {});
    assert.ok(report.ok > 0, JSON.stringify(report));
  });

  test("and while what serves Gateways, and the mesh, are killed", async () => {
    const load = await startLoad(home, OUTSIDE, RATE, targetsOf("web.test", addresses));
    for (let kill = 0; kill < KILLS; kill++) {
      await replacePart(home, kill % 2 === 0 ? "gateway" : "mesh");
      await new Promise((resolve) => setTimeout(resolve, SPAN));
    }
    const report = await load.end();
    assert.deepEqual(report.failed, {});
    assert.ok(report.ok > 0, JSON.stringify(report));
  });

  test("it speaks to a pod as a policy says from now on: without mutual TLS, and with nothing else", async () => {
    const metadata = { name: "all", namespace: "open" };
    const answers = (address: string) => Array.from({ length: 10 }, () => ask("mixed.test", address)).sort();
    const isServed = (all: readonly string[]) =>
      new Set(all).size === 2 && all.every((answer) => /^(inside|beside)\n$/.test(answer));
    await client.create(MESH_KINDS.MeshPolicy, { metadata, spec: { mutualTls: "Disabled" } });
    for (const spec of [{ mutualTls: "Disabled" }, { mutualTls: "Strict" }]) {
      await client.patch(MESH_KINDS.MeshPolicy, "all", "open", { spec }, { type: "merge" });
      const { status } = await podOf("open", "app=inside");
      const url = `http://${urlHost(status?.podIP ?? "")}:8080/`;
      const plain = spec.mutualTls === "Disabled" ? "inside\n" : "";
      await settled(
        () => inPlain(...CURL, url).stdout,
        (said) => said === plain,
      );
      for (const address of addresses) await settled(() => answers(address), isServed);
    }
    await client.delete(MESH_KINDS.MeshPolicy, metadata.name, metadata.namespace);
  });
});

const CURL = ["curl", "-sS", "--max-time", "20", "-g"];

function quoted(word: string): string {
  return `'${word}'`;
}

/** A line about a request that the pod answered, none where it is about anything else. */
function answered(line: string): Record<string, unknown>[] {
  // what Envoy says of itself may have braces, too
  if (!line.includes('"reporter":"destination"')) return [];
  const fields = JSON.parse(line.slice(line.indexOf("{"))) as Record<string, unknown>;
  return fields["response_code"] === 200 ? [fields] : [];
}

/** The proxy's own certificate for the mesh, in a listing of its secrets. */
function certificateOf(listing: string): string | undefined {
  const secrets = JSON.parse(listing) as {
    name: string;
    tlsCertificate?: { certificateChain: { inlineString: string } };
  }[];
  return secrets.find(({ name }) => name === "workload")?.tlsCertificate?.certificateChain.inlineString;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
