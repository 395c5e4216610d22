/** `preferClientFamily`, with packets: the family of the client's connection is that of the one to the backend. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ENVOY } from "./ads-envoy.ts";
import { pod, policy, service } from "./mesh-texts.ts";
import { type MeshWorld, startWorld } from "./mesh-world.ts";

const PREFER = policy("MeshPolicy", "client", "preferClientFamily: true");
const OBJECTS = [
  pod("a"),
  pod("b"),
  service("stream", 31, ["IPv6", "IPv4"], "tcp-echo", "b", 9000),
  service("sniffed", 32, ["IPv4", "IPv6"], "echo", "b", 9000),
  service("web", 33, ["IPv6", "IPv4"], "http-web", "b", 8081),
  service("any", 34, ["IPv4", "IPv6"], "web", "b", 8081),
  service("naked", 35, ["IPv4", "IPv6"], "tcp-echo", "client", 9000),
  PREFER,
].join("\n");

const VIPS = {
  IPv4: (number: number) => `10.96.0.${number}`,
  IPv6: (number: number) => `fd00:10:96::${number}`,
};
const FAMILIES = ["IPv4", "IPv6"] as const;

describe("the family of the client", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let world: MeshWorld;

  before(async () => {
    world = await startWorld(OBJECTS, ["a", "b"], ["client"]);
  });
  after(() => world?.close());

  const say = (number: number, family: (typeof FAMILIES)[number], port = 80) =>
    world.ask("a", { kind: "tcp", host: VIPS[family](number), port, text: "hello there" });
  const get = (number: number, family: (typeof FAMILIES)[number]) =>
    world.ask("a", { kind: "http", host: VIPS[family](number), port: 80 });

  test("nothing is refused", () => assert.deepEqual(world.refused, []));

  test("is that of streams, with a sidecar at the other end and without", async () => {
    for (const family of FAMILIES) {
      for (const number of [31, 32])
        assert.match(await say(number, family), new RegExp(`from b on ${family}`));
      assert.match(await say(35, family), new RegExp(`from client on ${family}`));
    }
  });

  test("is that of requests", async () => {
    for (const number of [33, 34]) {
      for (const family of FAMILIES) {
        const { localAddress } = JSON.parse((await get(number, family)).slice(4)) as { localAddress: string };
        assert.equal(localAddress.includes(":") ? "IPv6" : "IPv4", family);
      }
    }
  });

  test("is no more than the first that is tried: the other is there", async () => {
    const slice = (type: string) => `
kind: EndpointSlice
metadata: { name: stream-IPv6, labels: { kubernetes.io/service-name: stream } }
addressType: IPv6
ports: [{ name: tcp-echo, port: 9000, protocol: TCP }]
endpoints: [${type}]`;
    await world.apply(slice(""), "updated");
    for (const family of FAMILIES) assert.match(await say(31, family), /from b on IPv4/);
  });

  test("does not count any more without the policy", async () => {
    await world.apply(PREFER, "deleted");
    for (const family of FAMILIES) assert.match(await say(32, family), /from b on IPv4/);
    assert.deepEqual(world.refused, []);
  });
});
