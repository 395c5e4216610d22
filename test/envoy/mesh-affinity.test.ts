/** `sessionAffinity: ClientIP` of Services, with packets through sidecars. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ADDRESSES } from "../kernel/network.ts";
import { ENVOY } from "./ads-envoy.ts";
import { pod, policy, service } from "./mesh-texts.ts";
import { type MeshWorld, startWorld } from "./mesh-world.ts";

/** A Service in front of the pods `b` and `client`. */
function ofTwo(name: string, number: number, affinity: string): string {
  const both = (["IPv4", "IPv6"] as const).reduce(
    (text, family) =>
      text.replace(
        `  - addresses: ["${ADDRESSES.b[family]}"]`,
        `  - addresses: ["${ADDRESSES.client[family]}"]
    conditions: { ready: true }
    targetRef: { kind: Pod, name: client, namespace: default, uid: client }
  - addresses: ["${ADDRESSES.b[family]}"]`,
      ),
    service(name, number, ["IPv6", "IPv4"], "tcp-echo", "b", 9000),
  );
  return both.replace("spec:\n", `spec:\n  sessionAffinity: ${affinity}\n`);
}

const STICKY = "ClientIP\n  sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } }";
const PREFER = policy("MeshPolicy", "client", "preferClientFamily: true");

describe("session affinity", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let world: MeshWorld;

  before(async () => {
    const objects = [pod("a"), pod("b"), ofTwo("loose", 51, "None"), ofTwo("sticky", 52, STICKY)];
    world = await startWorld(objects.join("\n"), ["a", "b"], ["client"]);
  });
  after(() => world?.close());

  /** Who answers connections one after the other. */
  const answering = async (host: string): Promise<Set<string>> => {
    const names = new Set<string>();
    for (let count = 0; count < 24; count++) {
      const answer = await world.ask("a", { kind: "tcp", host, port: 80, text: "x" });
      names.add(/^hello x from (\w+) on/.exec(answer)?.[1] ?? answer);
    }
    return names;
  };

  test("connections of one client go to one backend, over either family; without it, to all", async () => {
    for (const host of ["10.96.0.52", "fd00:10:96::52"]) assert.equal((await answering(host)).size, 1, host);
    assert.deepEqual([...(await answering("fd00:10:96::51"))].sort(), ["b", "client"]);
    assert.deepEqual(world.refused, []);
  });

  test("it holds where the client's family is preferred", async () => {
    await world.apply(PREFER);
    for (const host of ["10.96.0.52", "fd00:10:96::52"]) assert.equal((await answering(host)).size, 1, host);
    assert.deepEqual(world.refused, []);
  });
});
