/** Policies that change to and from `Disabled` under load: no request meets a sidecar that speaks otherwise. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../../src/client/index.ts";
import { GATEWAY_GROUP, GATEWAY_KINDS, type Gateway } from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { MESH_KINDS } from "../../src/objects/mesh/index.ts";
import type { Service } from "../../src/objects/types.ts";
import { eventually } from "../controllers/cluster.ts";
import type { LoadReport } from "./http-load.ts";
import { OUTSIDE, type Place, type Running, startLoad, startProgram, targetsOf } from "./load.ts";
import { DEMO, deployment, echo, service } from "./mesh-demo.ts";
import type { Phase } from "./tcp-load.ts";
import { downAfterTest, type Home, manifestIn, upForTest } from "./tandem.ts";

const CLIENT = ["-n", "demo", "deploy/client"];
const SPAN = 2_000;
const API = `${GATEWAY_GROUP}/v1`;

/** Bytes and requests, a client with a sidecar, and a Gateway. */
function manifests(): object {
  const metadata = (name: string) => ({ name, namespace: "demo" });
  const route = (kind: string, to: string, port: number) => ({
    apiVersion: kind === "TCPRoute" ? `${GATEWAY_GROUP}/v1alpha2` : API,
    kind,
    metadata: metadata(to),
    spec: {
      parentRefs: [{ name: "edge", sectionName: to }],
      rules: [{ backendRefs: [{ name: to, port }] }],
    },
  });
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      DEMO,
      service("web", { name: "http", port: 80, targetPort: 8080 }),
      echo("web"),
      service("bytes", { name: "tcp", port: 9000 }),
      deployment("bytes", {
        image: "docker.io/istio/tcp-echo-server:1.3",
        args: ["9000", "hello"],
        ports: [{ containerPort: 9000 }],
      }),
      deployment("client", { image: "curlimages/curl", command: ["sleep", "infinity"] }),
      {
        apiVersion: API,
        kind: "Gateway",
        metadata: metadata("edge"),
        spec: {
          gatewayClassName: "tandem",
          listeners: [
            { name: "web", port: 80, protocol: "HTTP" },
            { name: "bytes", port: 9000, protocol: "TCP" },
          ],
        },
      },
      route("HTTPRoute", "web", 80),
      route("TCPRoute", "bytes", 9000),
    ],
  };
}

describe("a policy that changes how sidecars are spoken to", () => {
  let home: Home;
  let client: KubeClient;

  before(async () => {
    ({ home, client } = await upForTest((at) => ["-f", manifestIn(at, manifests())]));
  });

  after(() => downAfterTest({ home, client }));

  const addressesOf = async (name: string) =>
    (await client.get<Service>(KINDS.Service, name, "demo")).spec.clusterIPs ?? [];
  const isSettled = async (mtls: boolean, plain: boolean) => {
    const { stdout } = home.run(["proxy-config", "listeners", "deploy/web", "-n", "demo", "-o", "json"]);
    return stdout.includes('"8080-mtls-http"') === mtls && stdout.includes('"8080-http"') === plain;
  };
  const connections = (place: Place, hosts: readonly string[]) =>
    startProgram<Phase[]>(home, place, "tcp-load.ts", ["20", ...hosts.map((host) => `${host}/9000`)]);

  test("fails no request and no connection, of sidecars and of Gateways, over both families", async (t) => {
    const { status } = await client.get<Gateway>(GATEWAY_KINDS.Gateway, "edge", "demo");
    const edge = (status?.addresses ?? []).map(({ value = "" }) => value);
    assert.equal(edge.length, 2);
    const web = await addressesOf("web");
    const bytes = await addressesOf("bytes");
    const startLoads = () =>
      Promise.all([
        startLoad(home, CLIENT, "25/8", targetsOf("web.demo", web)),
        startLoad(home, OUTSIDE, "25/8", targetsOf("web.test", edge)),
      ]);
    const startStreams = () => Promise.all([connections(CLIENT, bytes), connections(OUTSIDE, edge)]);
    // whoever is called has to be known to all of its callers first
    await eventually(
      async () => {
        const calm: readonly Running<LoadReport | Phase[]>[] = [
          ...(await startLoads()),
          ...(await startStreams()),
        ];
        await sleep(SPAN);
        return (await Promise.all(calm.map((one) => one.end()))).flat();
      },
      (seen) => seen.every(({ failed }) => Object.keys(failed).length === 0),
    );
    const loads = await startLoads();
    const streams = await startStreams();
    await sleep(SPAN);
    const metadata = { name: "all", namespace: "demo" };
    await client.create(MESH_KINDS.MeshPolicy, { metadata, spec: {} });
    for (const [mutualTls, mtls, plain] of [
      ["Disabled", false, true],
      ["Strict", true, false],
      ["Disabled", false, true],
      ["Permissive", true, true],
    ] as const) {
      for (const stream of streams) stream.say(mutualTls);
      await client.patch(MESH_KINDS.MeshPolicy, "all", "demo", { spec: { mutualTls } }, { type: "merge" });
      await eventually(() => isSettled(mtls, plain), Boolean);
      await sleep(SPAN);
    }
    const reports = await Promise.all(loads.map((load) => load.end()));
    const phases = (await Promise.all(streams.map((stream) => stream.end()))).flat();
    for (const seen of [...reports, ...phases]) t.diagnostic(JSON.stringify(seen));
    assert.deepEqual(
      [...reports, ...phases].map(({ failed }) => failed),
      [...reports, ...phases].map(() => ({})),
    );
    assert.ok(reports.every(({ ok }) => ok > 0));
    assert.ok(phases.every(({ opened }) => opened > 0));
  });
});
