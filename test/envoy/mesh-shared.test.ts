/** Services that share the listener of a port number, with packets: found by address, whatever a request says. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ADDRESSES } from "../kernel/network.ts";
import { ENVOY, eventually } from "./ads-envoy.ts";
import { pod, service } from "./mesh-texts.ts";
import { DRAIN_SECONDS, type MeshWorld, startWorld } from "./mesh-world.ts";

const BOTH = ["IPv4", "IPv6"] as const;
const VIPS = (number: number) => [`10.96.0.${number}`, `fd00:10:96::${number}`] as const;

/** A name for the other pod, at a port that is only HTTP by it. */
const EXTERNAL = `
kind: Service
metadata: { name: outside }
spec:
  type: ExternalName
  externalName: ${ADDRESSES.client.IPv4}
  ports: [{ name: http, port: 8081, protocol: TCP }]
---`;
/** All that it answers says which Service was meant. */
const MARKED = `
kind: HTTPRoute
apiVersion: gateway.networking.k8s.io/v1
metadata: { name: marked }
spec:
  parentRefs: [{ kind: Service, group: "", name: other }]
  rules:
    - filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: meant, value: other }] } }]
      backendRefs: [{ name: other, port: 80 }]
---`;
const OBJECTS = [
  pod("a"),
  pod("b"),
  service("web", 41, BOTH, "http-web", "b", 8081),
  service("any", 42, BOTH, "web", "b", 8081),
  service("stream", 43, BOTH, "echo", "b", 9000),
  service("first", 44, BOTH, "welcome", "b", 9001),
  service("other", 45, BOTH, "web", "b", 8081),
  service("named", 46, BOTH, "tcp-echo", "b", 9000),
  EXTERNAL,
  MARKED,
].join("\n");

describe("Services that share a port number", { skip: ENVOY === undefined && "no Envoy here" }, () => {
  let world: MeshWorld;

  before(async () => {
    world = await startWorld(OBJECTS, ["a", "b"], ["client"]);
  });
  after(() => world?.close());

  const get = (host: string, headers: Record<string, string>, keep?: string) =>
    world.ask("a", { kind: "http", host, port: 80, headers, ...(keep !== undefined && { keep }) });
  const say = (host: string, text: string, keep?: string) =>
    world.ask("a", { kind: "tcp", host, port: 80, text, ...(keep !== undefined && { keep }) });
  const seen = (answer: string) =>
    (JSON.parse(answer.slice(4)) as { headers: Record<string, string> }).headers;

  test("nothing is refused", () => assert.deepEqual(world.refused, []));

  test("a request goes to the Service of its address by mutual TLS, whatever host it names", async () => {
    for (const number of [41, 42]) {
      for (const host of VIPS(number)) {
        for (const name of ["shop.example", "other", `nobody:8080`, "outside"]) {
          const answer = await get(host, { host: name });
          assert.match(answer, /^200 /, `${host} ${name}: ${answer}`);
          assert.match(
            seen(answer)["x-forwarded-client-cert"] ?? "",
            /URI=spiffe:\/\/cluster.local\/ns\/default\/sa\/a/,
          );
          assert.equal(seen(answer)["host"], name);
          assert.equal(seen(answer)["meant"], undefined);
        }
      }
    }
  });

  test("the header that says so is the sidecar's own, and goes no further", async () => {
    for (const host of VIPS(42)) {
      const answer = await get(host, { host: "web", "x-tandem-destination": `web|${VIPS(45)[0]}` });
      assert.equal(seen(answer)["x-tandem-destination"], undefined);
      assert.equal(seen(answer)["meant"], undefined);
    }
  });

  test("rules hold where nobody has said that a port is HTTP, over both families", async () => {
    for (const host of VIPS(45)) assert.equal(seen(await get(host, { host: "web" }))["meant"], "other");
  });

  test("streams go to the Service of their address, those whose server speaks first as well", async () => {
    for (const host of VIPS(43))
      assert.match(await say(host, "one two three"), /^hello one two three from b/);
    for (const host of VIPS(46))
      assert.match(await say(host, "one two three"), /^hello one two three from b/);
    for (const host of VIPS(44)) assert.equal(await say(host, ""), "welcome to b");
  });

  test("an ExternalName is found by its name, at addresses that nobody has", async () => {
    const ask = (name: string) =>
      world.ask("a", { kind: "http", host: ADDRESSES.outside.IPv6, port: 8081, headers: { host: name } });
    for (const name of ["outside", "outside.default:8081", "OUTSIDE.default.svc.cluster.local"])
      assert.match(await ask(name), /^200 {"name":"client"/, name);
    assert.doesNotMatch(await ask("outside.elsewhere"), /"name":"client"/);
  });

  test("Services come and go without an end to the connections of others", async () => {
    const [four, six] = VIPS(43);
    const ask = async (word: string) => {
      assert.match(await say(four, word, "four"), new RegExp(`^hello ${word} from b`));
      assert.match(await say(six, word, "six"), new RegExp(`^hello ${word} from b`));
      return [await get(VIPS(42)[0], {}, "any"), await get(VIPS(41)[1], {}, "web")];
    };
    await ask("before");
    const added = service("later", 51, BOTH, "late", "b", 9000);
    await world.apply(`${added}\n${service("later-web", 52, BOTH, "http-late", "b", 8081)}`);
    for (const host of VIPS(51)) assert.match(await say(host, "to the new"), /^hello to the new from b/);
    for (const answer of await ask("between")) assert.match(answer, /^again 200 /);
    await world.apply(added, "deleted");
    await sleep((DRAIN_SECONDS + 1) * 1_000);
    const page = "/stats?filter=^listener_manager.(listener_in_place|total_listeners_d)";
    const stats = await eventually(
      () => world.admin("a", page),
      (text) => text.includes("total_listeners_draining: 0"),
    );
    for (const answer of await ask("after")) assert.match(answer, /^again 200 /);
    assert.match(stats, /listener_in_place_updated: [1-9]/);
    assert.match(stats, /total_listeners_draining: 0/);
    assert.deepEqual(world.refused, []);
  });

  test("two Services that claim an address leave the listener whole", async () => {
    const rival = service("rival", 43, BOTH, "echo", "b", 9000);
    await world.apply(rival);
    for (const host of VIPS(43)) assert.match(await say(host, "still"), /^hello still from b/);
    await world.apply(rival, "deleted");
    assert.deepEqual(world.refused, []);
  });
});
