/** What pods with sidecars reach over either family, by kind of Service, annotation and policy, with real packets. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KubeClient } from "../../src/client/index.ts";
import { joinHostPort } from "../../src/ip/address.ts";
import { FAMILIES } from "../../src/ip/family.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { MESH_KINDS } from "../../src/objects/mesh/index.ts";
import type { KubeEvent, Pod, Service } from "../../src/objects/types.ts";
import { eventually } from "../controllers/cluster.ts";
import { manifests, uncapturable } from "./mesh-protocols.ts";
import { downAfterTest, type Home, manifestIn, upForTest } from "./tandem.ts";

const FLAGS = { IPv4: "-4", IPv6: "-6" } as const;
const CURL = ["curl", "-gsS", "--max-time", "20"];

describe("a mesh of many protocols", () => {
  let home: Home;
  let client: KubeClient;

  before(async () => {
    ({ home, client } = await upForTest((at) => ["--nodes", "2", "-f", manifestIn(at, manifests())]));
  });

  after(() => downAfterTest({ home, client }));

  const inPod = (place: string, ...command: string[]): string => {
    const [namespace = "", app = ""] = place.split("/");
    return home.run(["lab", "exec", "-n", namespace, `deploy/${app}`, "--", ...command]).stdout;
  };
  /** The status of a request, then where its server says it came from. */
  const ask = (from: string, url: string, ...flags: string[]): string =>
    inPod(from, ...CURL, "-o", "/dev/null", "-w", "%{http_code} %header{x-client-address}", ...flags, url);
  const code = (from: string, url: string, ...flags: string[]): string =>
    ask(from, url, ...flags).split(" ")[0] ?? "";
  const policy = (kind: keyof typeof MESH_KINDS, spec: object) =>
    client.create(MESH_KINDS[kind], { metadata: { name: "test", namespace: "demo" }, spec });
  const withdraw = (kind: keyof typeof MESH_KINDS) => client.delete(MESH_KINDS[kind], "test", "demo");
  /** Looks until it is so: what changes reaches the sidecars, and the two workers of each, one after the other. */
  const settled = (look: () => string, wanted: string | RegExp) =>
    eventually(
      async () => look(),
      (said) => (typeof wanted === "string" ? said === wanted : wanted.test(said)),
    );
  const outsideUrls = async (): Promise<string[]> => {
    const { items } = await client.list<Pod>(KINDS.Pod, { namespace: "outside", labelSelector: "app=web" });
    const ips = items.flatMap(({ status }) => status?.podIPs ?? []);
    return ips.map(({ ip }) => `http://${ip.includes(":") ? `[${ip}]` : ip}:8080/`);
  };

  test("TLS of applications goes through untouched, with its server name, to Services in and out of the mesh", async () => {
    for (const family of FAMILIES)
      for (const name of ["tls.demo", "untold.demo", "tls.outside", "ext-tls.demo"])
        for (const from of ["demo/client", "outside/plain"])
          await settled(() => inPod(from, ...CURL, "-k", FLAGS[family], `https://${name}/`), `tls ${name}\n`);
  });

  test("a Service of type ExternalName is reached over both families, where unknown destinations are blocked as well", async () => {
    const all = (): string =>
      FAMILIES.map((family) => code("demo/client", "http://ext-web.demo/", FLAGS[family])).join();
    await settled(all, "200,200");
    const [unknown = ""] = await outsideUrls();
    await policy("MeshPolicy", { unknownOutbound: "Blocked" });
    await settled(() => code("demo/client", unknown), "502");
    assert.equal(all(), "200,200");
    assert.equal(inPod("demo/client", ...CURL, "-k", "-6", "https://ext-tls.demo/"), "tls ext-tls.demo\n");
    await withdraw("MeshPolicy");
  });

  test("pods of a headless Service are reached over its first family, or the caller's where that is wished", async () => {
    const both = () =>
      FAMILIES.map((family) => ask("demo/client", "http://pods.demo:8080/", FLAGS[family])).join();
    const { spec } = await client.get<Service>(KINDS.Service, "pods", "demo");
    const first = spec.ipFamilies?.[0] === "IPv6" ? "::6" : "127.0.0.6";
    // where the first family is slow, the other one is tried beside it
    await settled(both, `200 ${first},200 ${first}`);
    await policy("MeshPolicy", { preferClientFamily: true });
    await settled(both, "200 127.0.0.6,200 ::6");
    await withdraw("MeshPolicy");
  });

  test("UDP is left alone", async () => {
    for (const family of FAMILIES) {
      const command = `echo me | nc -u ${FLAGS[family]} -w 2 udp.demo 5000`;
      await eventually(
        async () => inPod("demo/client", "sh", "-c", command),
        (said) => said.startsWith("hello me"),
      );
    }
  });

  test("ranges and ports that annotations leave out go past the sidecar, over both families", async () => {
    const urls = await outsideUrls();
    assert.equal(urls.length, 2);
    await policy("MeshPolicy", { unknownOutbound: "Blocked" });
    for (const url of urls) {
      await settled(() => code("demo/client", url), "502");
      for (const app of ["ranges", "only", "ports"])
        assert.equal(code(`demo/${app}`, url), "200", `${app} ${url}`);
    }
    await withdraw("MeshPolicy");
  });

  test("a port that an annotation leaves out of capture is reached by callers with a sidecar, even where policy is strict", async () => {
    await policy("MeshPolicy", { mutualTls: "Strict" });
    await settled(() => code("outside/plain", "http://web.demo/"), "000");
    for (const family of FAMILIES)
      for (const from of ["demo/client", "outside/plain"])
        await settled(() => ask(from, "http://open.demo/", FLAGS[family]), /^200 (10\.244\.|fd00:10:244:)/);
    await withdraw("MeshPolicy");
    await settled(() => code("outside/plain", "http://web.demo/"), "200");
  });

  test("callers of a node port are callers, though they come by the node's address as probes do", async () => {
    const { spec } = await client.get<Service>(KINDS.Service, "node-web", "demo");
    const { items } = await client.list<Pod>(KINDS.Pod, { namespace: "demo", labelSelector: "app=web" });
    const urls = (items[0]?.status?.hostIPs ?? []).map(
      ({ ip }) => `http://${joinHostPort(ip, spec.ports?.[0]?.nodePort ?? 0)}/`,
    );
    assert.equal(urls.length, 2);
    for (const url of urls) await settled(() => ask("outside/plain", url), /^200 (127\.0\.0\.6|::6)$/);
    await policy("MeshPolicy", { mutualTls: "Strict" });
    for (const url of [...urls, "http://web.demo/"]) await settled(() => code("outside/plain", url), "000");
    await withdraw("MeshPolicy");
    for (const url of [...urls, "http://web.demo/"]) await settled(() => code("outside/plain", url), "200");
  });

  test("who may call is told by namespace", async () => {
    const rules = [{ from: [{ namespaces: ["other"] }] }];
    await policy("AuthorizationPolicy", {
      selector: { matchLabels: { app: "web" } },
      action: "Allow",
      rules,
    });
    for (const family of FAMILIES) {
      await settled(() => code("demo/client", "http://web.demo/", FLAGS[family]), "403");
      await settled(() => code("outside/plain", "http://web.demo/", FLAGS[family]), "403");
      await settled(() => code("other/client", "http://web.demo/", FLAGS[family]), "200");
    }
    await withdraw("AuthorizationPolicy");
  });

  test("a pod whose traffic cannot be captured does not start, and an event says why", async () => {
    await client.create<Pod>(KINDS.Pod, uncapturable());
    const events = () => client.list<KubeEvent>(KINDS.Event, { namespace: "demo" });
    const { items } = await eventually(events, ({ items }) =>
      items.some(({ reason }) => reason === "CaptureFailed"),
    );
    const event = items.find(({ reason }) => reason === "CaptureFailed");
    assert.equal(event?.involvedObject.name, "uncapturable");
    assert.match(
      event?.message ?? "",
      /does not start, .* cannot capture the pod's traffic: it is no address or range/,
    );
    await eventually(
      () => client.get<Pod>(KINDS.Pod, "uncapturable", "demo"),
      ({ status }) => status?.containerStatuses?.[0]?.started === false,
    );
    await client.delete(KINDS.Pod, "uncapturable", "demo");
  });
});
