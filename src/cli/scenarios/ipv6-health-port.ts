/**
 * The scenario 000: on an IPv6-first cluster a proxy has its health port on 0.0.0.0; the kubelet asks over IPv6, the pod is
 * never ready, and a Service whose proxy works answers nobody. Six looks at it, then the fix.
 */
import { text } from "node:stream/consumers";
import { joinHostPort } from "../../ip/address.ts";
import { conditionOf, hasCondition } from "../../objects/conditions.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { EndpointSlice, KubeEvent, Node, Pod, Service } from "../../objects/types.ts";
import { familyReadyType } from "../../traffic/index.ts";
import { ADMIN_PORT, DATA_PORT, deployment, HEALTH_PORT, NAME, service } from "./ipv6-health-port-objects.ts";
import { countPackets, describeCounts, readCounts } from "./packet-counts.ts";
import type { Finding, Scenario, ScenarioRoom } from "./scenario.ts";

const NAMESPACE = "default";

async function podOf(room: ScenarioRoom): Promise<Pod | undefined> {
  const { items } = await room.client.list<Pod>(KINDS.Pod, {
    namespace: NAMESPACE,
    labelSelector: `app=${NAME}`,
  });
  return items.find(({ metadata }) => metadata.deletionTimestamp === undefined);
}

async function runningPod(room: ScenarioRoom): Promise<Pod> {
  return room.until("the Envoy pod", async () => {
    const pod = await podOf(room);
    return pod?.status?.phase === "Running" ? pod : undefined;
  });
}

const ipsOf = (pod: Pod) => (pod.status?.podIPs ?? []).map(({ ip }) => ip);

/** That the port is refused: on a busy machine a probe may have had no answer at all before. */
async function unhealthyEvent(room: ScenarioRoom): Promise<KubeEvent | undefined> {
  const events = await room.client.list<KubeEvent>(KINDS.Event, { namespace: NAMESPACE });
  return events.items.find(({ reason, message }) => reason === "Unhealthy" && /refused/.test(message ?? ""));
}

async function prepare(room: ScenarioRoom): Promise<void> {
  await room.client.create(KINDS.Service, service());
  await room.client.create(KINDS.Deployment, deployment(["0.0.0.0"]));
  await runningPod(room);
  await room.until("the kubelet's complaint", () => unhealthyEvent(room));
  await room.until("the addresses of the Service", async () => {
    const ips = await balancerAddresses(room);
    return ips.length === 2 ? ips : undefined;
  });
}

async function podStatus(room: ScenarioRoom): Promise<Finding> {
  const event = await room.until("an event", () => unhealthyEvent(room));
  const pod = await room.until("the pod's readiness per family", async () => {
    const found = await runningPod(room);
    const [four, six] = (["IPv4", "IPv6"] as const).map((it) =>
      conditionOf(found.status?.conditions, familyReadyType(it)),
    );
    // before Envoy listens, neither family is ready
    return four?.status === "True" && /bind/.test(six?.message ?? "") ? found : undefined;
  });
  const families = (["IPv6", "IPv4"] as const).map((family) => {
    const condition = conditionOf(pod.status?.conditions, familyReadyType(family));
    return `${familyReadyType(family)}: ${condition?.status ?? "–"} ${condition?.message ?? ""}`.trim();
  });
  return {
    evidence: [
      `pod ${pod.metadata.name}: ${pod.status?.phase}, Ready ${conditionOf(pod.status?.conditions, "Ready")?.status}`,
      `event ${event.reason}: ${event.message}`,
      ...families,
    ],
    verdict: "The pod runs and is not ready: its readiness probe fails.",
    holds: !hasCondition(pod, "Ready") && /refused/.test(event.message ?? ""),
  };
}

async function podLogs(room: ScenarioRoom): Promise<Finding> {
  const pod = await runningPod(room);
  const log = await text(await room.client.logs({ namespace: NAMESPACE, pod: pod.metadata.name }));
  const lines = log.trim().split("\n");
  const started = lines.filter((line) => /starting main dispatch loop/.test(line));
  const bad = lines.filter((line) => /\]\[(error|critical)\]/.test(line));
  return {
    evidence: [...started, `${lines.length} lines, ${bad.length} errors`],
    verdict: "Envoy has started and knows of no error: the fault is not in Envoy's own health.",
    holds: started.length === 1 && bad.length === 0,
  };
}

interface ListenerDump {
  readonly listener?: {
    readonly name?: string;
    readonly address?: Bound;
    readonly additional_addresses?: readonly { readonly address?: Bound }[];
  };
}
interface Bound {
  readonly socket_address?: { readonly address?: string; readonly port_value?: number };
}

/** Where each listener of the Envoy is bound, as Envoy itself says. */
async function boundAddresses(room: ScenarioRoom, pod: Pod): Promise<{ port: number; hosts: string[] }[]> {
  const url = `http://127.0.0.1:${ADMIN_PORT}/config_dump?resource=static_listeners`;
  const { out } = await room.inPod(pod.metadata.name, ["curl", "--silent", url]);
  const { configs = [] } = JSON.parse(out) as { configs?: ListenerDump[] };
  return configs.map(({ listener }) => {
    const all = [listener?.address, ...(listener?.additional_addresses ?? []).map(({ address }) => address)];
    const hosts = all.flatMap((bound) => bound?.socket_address?.address ?? []);
    return { port: listener?.address?.socket_address?.port_value ?? 0, hosts };
  });
}

async function configuration(room: ScenarioRoom): Promise<Finding> {
  const bound = await boundAddresses(room, await runningPod(room));
  const health = bound.find(({ port }) => port === HEALTH_PORT);
  return {
    evidence: bound.map(({ port, hosts }) => hosts.map((host) => joinHostPort(host, port)).join(", ")),
    verdict: `The health port ${HEALTH_PORT} is bound to 0.0.0.0, which is IPv4 alone; the data port has both families.`,
    holds: health?.hosts.join() === "0.0.0.0",
  };
}

async function network(room: ScenarioRoom): Promise<Finding> {
  const pod = await runningPod(room);
  await countPackets(room, pod.metadata.name, HEALTH_PORT);
  const counts = await room.until("a probe of the kubelet", async () => {
    const seen = await readCounts(room, pod.metadata.name);
    return seen.IPv6.refused > 0 ? seen : undefined;
  });
  const asked = [];
  for (const ip of ipsOf(pod)) {
    const { ok, said } = await room.ask(`http://${joinHostPort(ip, HEALTH_PORT)}/ready`);
    asked.push({ ip, ok, line: `${joinHostPort(ip, HEALTH_PORT)}/ready: ${ok ? "200" : said}` });
  }
  const v6 = asked.find(({ ip }) => ip.includes(":"));
  const v4 = asked.find(({ ip }) => !ip.includes(":"));
  return {
    evidence: [...describeCounts(counts), ...asked.map(({ line }) => line)],
    verdict:
      "The probe that the pod's readiness hangs on comes over IPv6 and is refused; over IPv4 the port answers.",
    holds: counts.IPv6.refused > 0 && counts.IPv4.refused === 0 && v6?.ok === false && v4?.ok === true,
  };
}

async function balancerAddresses(room: ScenarioRoom): Promise<string[]> {
  const { status } = await room.client.get<Service>(KINDS.Service, NAME, NAMESPACE);
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}

/** `IPv6 [fd00::1]:10080 ready=false` for each endpoint. */
async function endpoints(room: ScenarioRoom): Promise<{ ready: boolean; line: string }[]> {
  const labelSelector = `kubernetes.io/service-name=${NAME}`;
  const slices = await room.client.list<EndpointSlice>(KINDS.EndpointSlice, {
    namespace: NAMESPACE,
    labelSelector,
  });
  return slices.items.flatMap(({ addressType, endpoints }) =>
    (endpoints ?? []).map(({ addresses, conditions }) => {
      const ready = conditions?.ready === true;
      const place = joinHostPort(addresses[0] ?? "", DATA_PORT);
      return { ready, line: `endpoint ${addressType} ${place} ready=${ready}` };
    }),
  );
}

async function askService(room: ScenarioRoom): Promise<{ ok: boolean; line: string }[]> {
  const answers = [];
  for (const ip of await balancerAddresses(room)) {
    const url = `http://${joinHostPort(ip, 80)}/`;
    const { ok, said } = await room.ask(url);
    answers.push({ ok, line: `${url}: ${said}` });
  }
  return answers;
}

async function serviceLook(room: ScenarioRoom): Promise<Finding> {
  const { spec } = await room.client.get<Service>(KINDS.Service, NAME, NAMESPACE);
  const points = await endpoints(room);
  const answers = await askService(room);
  return {
    evidence: [
      `ipFamilyPolicy ${spec.ipFamilyPolicy}, ipFamilies ${spec.ipFamilies?.join(", ")}`,
      ...points.map(({ line }) => line),
      ...answers.map(({ line }) => line),
    ],
    verdict:
      "The Service has both families, but no endpoint that is ready: connections are refused over both.",
    holds:
      spec.ipFamilies?.join() === "IPv6,IPv4" &&
      points.length > 0 &&
      points.every(({ ready }) => !ready) &&
      answers.length === 2 &&
      answers.every(({ ok }) => !ok),
  };
}

async function kubelet(room: ScenarioRoom): Promise<Finding> {
  const pod = await runningPod(room);
  const node = await room.client.get<Node>(KINDS.Node, pod.spec.nodeName ?? "");
  const internal = (node.status?.addresses ?? []).filter(({ type }) => type === "InternalIP");
  return {
    evidence: [
      `node ${node.metadata.name}: InternalIP ${internal.map(({ address }) => address).join(", ")}`,
      `pod: podIP ${pod.status?.podIP}; podIPs ${ipsOf(pod).join(", ")}`,
    ],
    verdict:
      "The node's first family is IPv6, so is the pod's: the kubelet judges the pod by that address alone.",
    holds: internal[0]?.address.includes(":") === true && pod.status?.podIP?.includes(":") === true,
  };
}

async function fix(room: ScenarioRoom): Promise<Finding> {
  const before = await runningPod(room);
  const { spec } = deployment(["0.0.0.0", "::"]) as unknown as { spec: object };
  await room.client.patch(KINDS.Deployment, NAME, NAMESPACE, { spec }, { type: "merge" });
  const pod = await room.until("a pod that is ready", async () => {
    const found = await podOf(room);
    return found !== undefined && found.metadata.uid !== before.metadata.uid && hasCondition(found, "Ready")
      ? found
      : undefined;
  });
  const health = (await boundAddresses(room, pod)).find(({ port }) => port === HEALTH_PORT);
  const places = (health?.hosts ?? []).map((host) => joinHostPort(host, HEALTH_PORT));
  return {
    evidence: [`health port: ${places.join(", ")}`, `pod ${pod.metadata.name}: Ready True`],
    verdict: "With :: as additional address the health port has both families, and the pod is ready.",
    holds: health?.hosts.join() === "0.0.0.0,::",
  };
}

async function answered(room: ScenarioRoom): Promise<Finding> {
  const points = await room.until("endpoints that are ready", async () => {
    const found = await endpoints(room);
    return found.length === 2 && found.every(({ ready }) => ready) ? found : undefined;
  });
  const answers = await room.until("answers of the Service", async () => {
    const found = await askService(room);
    return found.every(({ ok }) => ok) ? found : undefined;
  });
  return {
    evidence: [...points, ...answers].map(({ line }) => line),
    verdict: "The Service answers over both families.",
    holds: answers.length === 2,
  };
}

/** The scenario `000-ipv6-health-port`. */
export const IPV6_HEALTH_PORT: Scenario = {
  name: "000-ipv6-health-port",
  summary:
    "an IPv6-first cluster, and a proxy whose health port listens on 0.0.0.0: unready, refused; then the fix",
  families: ["IPv6", "IPv4"],
  nodes: 1,
  prepare,
  steps: [
    { title: "Pod status", look: podStatus },
    { title: "Pod logs", look: podLogs },
    { title: "Configuration of the proxy", look: configuration },
    { title: "Network inspection", look: network },
    { title: "Service", look: serviceLook },
    { title: "Kubelet", look: kubelet },
    { title: "The fix: the health port on :: as well", look: fix },
    { title: "Requests over both families", look: answered },
  ],
};
