/** Headless Services, with packets: the pod that is meant, over the family that there is. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ADDRESSES, type Place } from "../kernel/network.ts";
import { ENVOY } from "./ads-envoy.ts";
import { pod, policy, slice } from "./mesh-texts.ts";
import { type MeshWorld, startWorld } from "./mesh-world.ts";

const FAMILIES = ["IPv4", "IPv6"] as const;
const PODS = ["b", "client"] as const;
type Server = (typeof PODS)[number];
type FamilyName = (typeof FAMILIES)[number];

/** One of the families IPv6 and IPv4 in this order, with pods both with a sidecar (b) and without. */
function headless(name: string, portName: string, port: number, ready: boolean): string {
  const endpoint = (place: Place, family: FamilyName) => `
  - addresses: ["${ADDRESSES[place][family]}"]
    conditions: { ready: ${ready}, serving: ${ready} }
    hostname: ${place}-0
    targetRef: { kind: Pod, name: ${place}, namespace: default, uid: ${place} }`;
  const sliceOf = (family: FamilyName) =>
    slice(name, family, portName, port, PODS.map((place) => endpoint(place, family)).join(""));
  return `
kind: Service
metadata: { name: ${name} }
spec:
  type: ClusterIP
  clusterIP: None
  clusterIPs: [None]
  ipFamilies: [IPv6, IPv4]
  ports: [{ name: ${portName}, port: ${port}, protocol: TCP }]
---${sliceOf("IPv6")}${sliceOf("IPv4")}`;
}

const STREAM = ["db", "tcp-echo", 9000] as const;
const HTTP = ["web", "http-web", 8081] as const;
const PREFER = policy("MeshPolicy", "client", "preferClientFamily: true");

describe("a headless Service", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let world: MeshWorld;

  before(async () => {
    const objects = [pod("a"), pod("b"), headless(...STREAM, true), headless(...HTTP, true)];
    world = await startWorld(objects.join("\n"), ["a", "b"], ["client"]);
  });
  after(() => world?.close());

  const say = (place: Server, family: FamilyName) =>
    world.ask("a", { kind: "tcp", host: ADDRESSES[place][family], port: 9000, text: "x" });
  /** Who answers, and over which family it was asked. */
  const get = async (place: Server, family: FamilyName, pod = "") => {
    const headers = { host: `${pod}web.default.svc.cluster.local:8081` };
    const text = await world.ask("a", { kind: "http", host: ADDRESSES[place][family], port: 8081, headers });
    if (!text.startsWith("200 ")) return text;
    const { name, localAddress } = JSON.parse(text.slice(4)) as { name: string; localAddress: string };
    return `${name} on ${localAddress.includes(":") ? "IPv6" : "IPv4"}`;
  };
  const handshakes = async () => {
    const text = await world.admin("b", "/stats?filter=listener.*ssl.handshake$");
    return text.split("\n").reduce((sum, line) => sum + Number(line.split(": ")[1] ?? 0), 0);
  };
  /** All servers by each of their addresses, first as streams, then by HTTP. */
  const all = async () => {
    const answers: string[] = [];
    for (const place of PODS) for (const family of FAMILIES) answers.push(await say(place, family));
    for (const place of PODS) for (const family of FAMILIES) answers.push(await get(place, family));
    return answers;
  };
  /** What they answer over the family that is first for a caller who asked for one. */
  const expected = (over: (asked: FamilyName) => FamilyName) => [
    ...PODS.flatMap((place) => FAMILIES.map((family) => `hello x from ${place} on ${over(family)}`)),
    ...PODS.flatMap((place) => FAMILIES.map((family) => `${place} on ${over(family)}`)),
  ];
  const drop = async (place: Server, family: "ip" | "ip6") => {
    const table = [...["ip", "netns", "exec", place], "nft", "add", "table", family, "lost"];
    await world.network.exec(table);
    const rule = `add chain ${family} lost in { type filter hook prerouting priority -300; }
      add rule ${family} lost in iifname != "lo" ${family === "ip" ? "" : "meta l4proto tcp "}drop`;
    await world.network.exec(["ip", "netns", "exec", place, "nft", "-f", "-"], rule);
  };
  const restore = (place: Server, family: "ip" | "ip6") =>
    world.network.exec(["ip", "netns", "exec", place, "nft", "delete", "table", family, "lost"]);

  test("each pod is reached by any of its addresses, over the family that is first in the Service", async () => {
    const before = await handshakes();
    assert.deepEqual(
      await all(),
      expected(() => "IPv6"),
    );
    assert.deepEqual(world.refused, []);
    assert.ok((await handshakes()) - before >= 3, "mutual TLS where there is a sidecar");
  });

  test("where that family is lost, the other carries new connections, whichever was asked for", async () => {
    for (const place of PODS) await drop(place, "ip6");
    assert.deepEqual(
      await all(),
      expected(() => "IPv4"),
    );
    for (const place of PODS) await restore(place, "ip6");
    for (const place of PODS) await drop(place, "ip");
    assert.deepEqual(
      await all(),
      expected(() => "IPv6"),
    );
    for (const place of PODS) await restore(place, "ip");
  });

  test("a pod that is not ready is reached by who knows its address, and no other in its place", async () => {
    await world.apply([headless(...STREAM, false), headless(...HTTP, false)].join("\n"), "updated");
    assert.deepEqual(
      await all(),
      expected(() => "IPv6"),
    );
    await world.apply([headless(...STREAM, true), headless(...HTTP, true)].join("\n"), "updated");
  });

  test("the client's family is first where a policy asks for it", async () => {
    await world.apply(PREFER);
    assert.deepEqual(
      await all(),
      expected((asked) => asked),
    );
    await world.apply(PREFER, "deleted");
    assert.deepEqual(world.refused, []);
  });

  test("of a protocol that nobody has said: requests and streams", async () => {
    const any = headless("any", "whatever", 8081, true);
    await world.apply(any);
    assert.deepEqual(
      await all(),
      expected(() => "IPv6"),
    );
    await world.apply(any, "deleted");
    assert.deepEqual(world.refused, []);
  });

  test("requests that call a pod by its own name go there, by mutual TLS where there is a sidecar", async () => {
    for (const family of FAMILIES) {
      assert.equal(await get("b", family, "b-0."), "b on IPv6");
      assert.equal(await get("client", family, "client-0."), "client on IPv6");
      assert.equal(await get("b", family, "other."), `b on ${family}`, "past the mesh");
    }
    const headers = { host: "b-0.web" };
    const text = await world.ask("a", { kind: "http", host: ADDRESSES.b.IPv4, port: 8081, headers });
    assert.match(text, /URI=spiffe:\/\/cluster.local\/ns\/default\/sa\/a/);
  });

  test("nobody stands in for a pod that is no longer there", async () => {
    const others = [...headless(...HTTP, true).split("\n---")].map((text) =>
      text.replace(/\n {2}- addresses: \["[^"]*5"\](\n {4}.*){3}/, ""),
    );
    await world.apply(others.join("\n---"), "updated");
    for (const family of FAMILIES) {
      assert.match(await get("client", family), /^503 /);
      assert.equal(await get("b", family), "b on IPv6");
    }
  });
});
