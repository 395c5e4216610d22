/** Which applications may be the gRPC clients that they say they are, and from when on. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GrpcClients } from "../../src/cli/mesh/grpc-clients.ts";
import type { Peer } from "../../src/envoy/ads/index.ts";
import type { Pod } from "../../src/objects/types.ts";

const NODE = "grpc~demo/app";

function podWith(...ips: readonly string[]): Pod {
  return {
    metadata: { name: "app", namespace: "demo", labels: { "tandem.dev/sidecar": "grpc" } },
    spec: { containers: [] },
    status: { podIPs: ips.map((ip) => ({ ip })) },
  } as unknown as Pod;
}

const from = (address: string): Peer => ({ nodeId: NODE, address, names: [], open: true });

function clientsWith(patience: number): GrpcClients {
  return new GrpcClients({ trustDomain: "cluster.local", want: () => {}, patience });
}

describe("a gRPC client without TLS", () => {
  test("is known by each of its pod's addresses, and by no other", () => {
    const clients = clientsWith(60_000);
    clients.onPod({ type: "added", object: podWith("10.0.0.1", "fd00:0::1") });
    for (const address of ["10.0.0.1", "fd00::1", "FD00:0::1"])
      assert.equal(
        clients.whenAllowed(from(address), () => "all"),
        "all",
        address,
      );
    assert.equal(
      clients.whenAllowed(from("10.0.0.2"), () => "all"),
      undefined,
    );
  });

  test("waits for what is known of its pod, and of the pod's addresses", async () => {
    const clients = clientsWith(60_000);
    const waits = [from("10.0.0.1"), from("10.0.0.2")].map((peer) => clients.whenAllowed(peer, () => "all"));
    for (const wait of waits) assert.ok(wait instanceof Promise);
    clients.onPod({ type: "added", object: podWith() });
    assert.ok(clients.whenAllowed(from("10.0.0.1"), () => "all") instanceof Promise);
    clients.onPod({ type: "updated", object: podWith("10.0.0.1"), previous: podWith() });
    assert.deepEqual(await Promise.all(waits), ["all", undefined]);
  });

  test("is denied where its pod does not come", async () => {
    // its own timer does not keep a process
    const keep = setTimeout(() => {}, 60_000);
    assert.equal(await clientsWith(1).whenAllowed(from("10.0.0.1"), () => "all"), undefined);
    clearTimeout(keep);
  });
});
