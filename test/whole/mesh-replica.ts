/**
 * One of several replicas of a lab's mesh, on one address, until SIGTERM. Runs in the lab's network. On the fabric's
 * address of a family sidecars reach it; on loopback the API server alone does.
 *
 * Usage: mesh-replica.ts LAB.JSON IPv4|IPv6|loopback
 */
import { randomUUID } from "node:crypto";
import { leadWhile } from "../../src/client/index.ts";
import { LAB_MARK } from "../../src/cli/internal/mesh.ts";
import { fabricAddresses } from "../../src/cli/internal/mesh-place.ts";
import { startMesh } from "../../src/cli/mesh/run.ts";
import { untilStopped } from "../../src/cli/wiring.ts";
import { NODE_HOP_LIMIT } from "../../src/lab/kubelet/pod-links.ts";
import { joinHostPort } from "../../src/ip/address.ts";
import type { Family } from "../../src/ip/family.ts";
import { readConfig } from "../../src/lab/config.ts";
import { connectToControlPlane } from "../../src/lab/node/connect.ts";

/** Beside those of the lab's own mesh. */
const PORTS = { xdsPort: 28_010, webhookPort: 28_011, grpcPort: 28_012 };
const LOOPBACK = "::1";

const [path = "", place = ""] = process.argv.slice(2);
const config = readConfig(path);
const signal = untilStopped();
const client = await connectToControlPlane(config, signal);
const address = config.plan.fabric[place as Family] ?? LOOPBACK;
const log = (line: string): void => console.log(line);
const lease = { client, namespace: "kube-system", name: "tandem-mesh", identity: randomUUID(), log };
const { stopped } = await startMesh({
  client,
  listen: [address],
  advertise: [...fabricAddresses(config), LOOPBACK],
  ...PORTS,
  webhook: { url: `https://${joinHostPort(address, PORTS.webhookPort)}` },
  families: config.plan.families,
  clusterDomain: config.plan.domain,
  initImage: "tandem",
  mark: LAB_MARK,
  probesDeclaredPorts: true,
  probeHopLimit: NODE_HOP_LIMIT,
  lead: (work, during) => leadWhile(lease, work, during),
  log,
  signal,
});
console.log("serves");
await stopped;
client.close();
