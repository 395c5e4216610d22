/**
 * The scenario 002: an IPv4-only cluster, and a client that has IPv6 only. A load balancer outside of the nodes speaks both
 * families to clients and IPv4 to nodes; the client's address comes by the PROXY protocol; an existing Service is moved
 * under load; what is left of a Service that went while nobody watched is found and removed.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../errors/user-error.ts";
import { familyOfText } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import { LAB_APP } from "../../lab/init/root-layout.ts";
import { PACKAGE_ROOT } from "../../lab/host/main-path.ts";
import { hasCondition } from "../../objects/conditions.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { Pod, Service } from "../../objects/types.ts";
import {
  configuration,
  deployment,
  EXISTING,
  HOSTNAME,
  IP_ADDRESS_TYPE,
  NAME,
  PROXY_PORT,
  SEED,
  service,
} from "./ipv6-ingress-objects.ts";
import {
  askOverIpv6,
  balancerOrphans,
  CLIENT_ADDRESS,
  countOnNode,
  lookUp,
  makeIpv6Client,
  processOf,
  readNode,
  startLoad,
} from "./outside-places.ts";
import type { Finding, Scenario, ScenarioRoom } from "./scenario.ts";

const NAMESPACE = "default";
const NODES = ["node-1", "node-2"] as const;
const TOOLS = ".tools/bin";
const SEED_NAME = `${SEED}.${NAMESPACE}.lb.cluster.local`;

async function prepare(room: ScenarioRoom): Promise<void> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", join(PACKAGE_ROOT, TOOLS)];
  if (!folders.some((folder) => existsSync(join(folder, "nginx")))) throw noNginx();
  const { client } = room;
  await makeIpv6Client(room);
  await client.create(KINDS.ConfigMap, configuration());
  await client.create(KINDS.Deployment, deployment([join(LAB_APP, TOOLS)]));
  await client.create(KINDS.Service, service(EXISTING));
  await room.until("two pods of nginx", async () =>
    (await readyPods(room)).length === 2 ? true : undefined,
  );
  await addresses(room, EXISTING, 1);
}

function noNginx(): UserError {
  return new UserError({
    what: "cannot play the scenario",
    where: "nginx",
    why: "it is not on this machine, and the scenario runs a real one",
    next: "sh scripts/setup-tools nginx",
  });
}

async function readyPods(room: ScenarioRoom): Promise<Pod[]> {
  const { items } = await room.client.list<Pod>(KINDS.Pod, {
    namespace: NAMESPACE,
    labelSelector: `app=${NAME}`,
  });
  return items.filter((pod) => hasCondition(pod, "Ready"));
}

async function ingressOf(room: ScenarioRoom, name: string): Promise<string[]> {
  const { status } = await room.client.get<Service>(KINDS.Service, name, NAMESPACE);
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}

/** Waits for the addresses of a load balancer. */
function addresses(room: ScenarioRoom, name: string, count: number): Promise<string[]> {
  return room.until(`${count} address(es) of Service ${name}`, async () => {
    const ips = await ingressOf(room, name);
    return ips.length === count ? ips : undefined;
  });
}

const ofFamily = (ips: readonly string[], family: Family) => ips.find((ip) => familyOfText(ip) === family);

async function before(room: ScenarioRoom): Promise<Finding> {
  const [ip = ""] = await ingressOf(room, EXISTING);
  const names = await room.until("the A record of the name", async () => {
    const found = await lookUp(room, HOSTNAME);
    // a busy machine may answer one of the questions too late
    return typeof found.A === "string" || found.AAAA === "ETIMEOUT" ? undefined : found;
  });
  const outside = await room.until("an answer to a client with IPv4", async () => {
    const asked = await room.ask(`http://${ip}/`);
    return asked.ok ? asked : undefined;
  });
  const client = await askOverIpv6(room, HOSTNAME, ip);
  return {
    evidence: [
      `status of Service ${EXISTING}: ${ip}`,
      `${HOSTNAME}: A ${show(names.A)}, AAAA ${show(names.AAAA)}`,
      `a client with IPv4, http://${ip}/: ${outside.said}`,
      `the client with IPv6 only (${CLIENT_ADDRESS}), http://${ip}/: ${client.said}`,
    ],
    verdict:
      "The client with IPv6 only cannot reach the Service: its name has no AAAA record, as its load balancer has an IPv4 address alone.",
    holds: outside.ok && !client.ok && names.AAAA === "ENODATA" && show(names.A) === ip,
  };
}

function show(answer: readonly string[] | string): string {
  return typeof answer === "string" ? answer : answer.join(", ");
}

async function annotated(room: ScenarioRoom): Promise<Finding> {
  for (const node of NODES) await countOnNode(room, node);
  await room.client.create(KINDS.Service, service(SEED));
  const ips = await addresses(room, SEED, 2);
  const v6 = ofFamily(ips, "IPv6") ?? "";
  const names = await room.until("both records of the name", async () => {
    const found = await lookUp(room, SEED_NAME);
    return typeof found.AAAA === "string" ? undefined : found;
  });
  const { spec } = await room.client.get<Service>(KINDS.Service, SEED, NAMESPACE);
  const answer = await room.until("an answer", async () => {
    const found = await askOverIpv6(room, SEED_NAME, v6);
    return found.ok ? found : undefined;
  });
  const line = await room.until("nginx's log", () => logOf(room, CLIENT_ADDRESS));
  return {
    evidence: [
      `Service ${SEED}: ipFamilyPolicy ${spec.ipFamilyPolicy}, ipFamilies ${spec.ipFamilies?.join(", ")}`,
      `its status: ${ips.join(", ")}`,
      `${SEED_NAME}: A ${show(names.A)}, AAAA ${show(names.AAAA)}`,
      `the client with IPv6 only, http://[${v6}]/: ${answer.said}`,
      `nginx's log: ${line}`,
    ],
    verdict: "With the annotations the client is served, and nginx knows it by its IPv6 address.",
    holds:
      spec.ipFamilies?.join() === "IPv4" &&
      show(names.AAAA) === v6 &&
      answer.said === `hello ${CLIENT_ADDRESS}` &&
      line.includes(`client=${CLIENT_ADDRESS} `),
  };
}

/** The line of nginx's log that names a client. */
async function logOf(room: ScenarioRoom, client: string): Promise<string | undefined> {
  for (const { metadata } of await readyPods(room)) {
    const log = await text(await room.client.logs({ namespace: NAMESPACE, pod: metadata.name }));
    const found = log.split("\n").find((line) => line.includes(`${PROXY_PORT} client=${client} `));
    if (found !== undefined) return found;
  }
  return undefined;
}

async function packets(room: ScenarioRoom): Promise<Finding> {
  const counts = [];
  for (const node of NODES) counts.push({ node, ...(await readNode(room, node)) });
  return {
    evidence: counts.map(
      ({ node, IPv4, IPv6 }) => `${node}: ${IPv4} packets of TCP and UDP over IPv4, ${IPv6} over IPv6`,
    ),
    verdict: "No node has seen a packet of IPv6: the load balancer translates.",
    holds: counts.every(({ IPv6 }) => IPv6 === 0) && counts.some(({ IPv4 }) => IPv4 > 0),
  };
}

async function move(room: ScenarioRoom): Promise<Finding> {
  const [ip = ""] = await ingressOf(room, EXISTING);
  const load = startLoad(room, `http://${ip}/`);
  await sleep(1_000);
  const metadata = { annotations: { [IP_ADDRESS_TYPE]: "dualstack" } };
  await room.client.patch(KINDS.Service, EXISTING, NAMESPACE, { metadata }, { type: "merge" });
  const ips = await addresses(room, EXISTING, 2);
  const answer = await room.until("an answer over IPv6", async () => {
    const asked = await askOverIpv6(room, HOSTNAME, ofFamily(ips, "IPv6") ?? "");
    return asked.ok ? asked : undefined;
  });
  const names = await room.until("both records of the name", async () => {
    const found = await lookUp(room, HOSTNAME);
    return typeof found.AAAA === "string" ? undefined : found;
  });
  await sleep(2_000);
  const { ok, connections, failed } = await load.end();
  const failures = Object.entries(failed).map(([code, count]) => `${code}: ${count}`);
  return {
    evidence: [
      `status of Service ${EXISTING}: ${ip}, then ${ips.join(", ")}`,
      `requests over IPv4 meanwhile: ${ok} answered on ${connections} connections, failed ${failures.join(", ") || 0}`,
      `${HOSTNAME}: A ${show(names.A)}, AAAA ${show(names.AAAA)}`,
      `the client with IPv6 only: ${answer.said}`,
    ],
    verdict:
      "The Service has both families now, at the same IPv4 address, and no request was lost on the way.",
    holds: failures.length === 0 && ok > 0 && ips.includes(ip) && answer.ok && Array.isArray(names.AAAA),
  };
}

async function orphan(room: ScenarioRoom): Promise<Finding> {
  const { client } = room;
  const ips = await ingressOf(room, SEED);
  const pid = await room.until("the process of load balancers", async () => processOf(room, "balancer"));
  process.kill(pid, "SIGSTOP");
  await client.patch(KINDS.Service, SEED, NAMESPACE, { metadata: { finalizers: null } }, { type: "merge" });
  await client.delete(KINDS.Service, SEED, NAMESPACE);
  process.kill(pid, "SIGKILL");
  await room.until("the next process of load balancers", async () => {
    const next = processOf(room, "balancer");
    return next === undefined || next === pid ? undefined : next;
  });
  const found = await room.until("orphans", async () => {
    const list = await balancerOrphans(room);
    return list.length > 0 ? list : undefined;
  });
  await balancerOrphans(room, "--delete");
  const left = await balancerOrphans(room);
  const v6 = ofFamily(ips, "IPv6") ?? "";
  const answer = await askOverIpv6(room, SEED_NAME, v6);
  const other = await room.until("the other Service's answer", async () => {
    const asked = await room.ask(`http://${(await ingressOf(room, EXISTING))[0]}/`);
    return asked.ok ? asked : undefined;
  });
  return {
    evidence: [
      `Service ${SEED} was deleted, its finalizer forced away, while nobody watched`,
      ...found.map(({ kind, id, why }) => `orphan ${kind} ${id}: ${why}`),
      `after --delete: ${left.length} orphans; http://[${v6}]/: ${answer.said}`,
      `Service ${EXISTING}: ${other.said}`,
    ],
    verdict:
      "What was left of the Service was found, with the reason, and removed; the other Service served on.",
    holds:
      found
        .map(({ id }) => id)
        .toSorted()
        .join() === ips.toSorted().join() &&
      left.length === 0 &&
      !answer.ok,
  };
}

/** Clients of both families on a cluster of one. */
export const IPV6_INGRESS: Scenario = {
  name: "002-ipv6-ingress",
  summary:
    "an IPv4-only cluster serves a client that has IPv6 only, and an existing Service is moved without an outage",
  families: ["IPv4"],
  nodes: NODES.length,
  prepare,
  steps: [
    { title: "Before: an IPv4 Service, and a client with IPv6 only", look: before },
    { title: "The seed's annotations, and nginx with proxy_protocol", look: annotated },
    { title: "The packets on the nodes", look: packets },
    { title: "The IPv4 Service is moved to dual stack under load", look: move },
    { title: "An orphan: found and removed", look: orphan },
  ],
};
