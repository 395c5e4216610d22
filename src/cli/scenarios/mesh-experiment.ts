/**
 * The scenario 001: the quick experiment of Istio's page on dual-stack clusters. Three namespaces with a tcp-echo each
 * (both families, IPv4, IPv6), a client, sidecars everywhere; the answers, and what the sidecars have.
 */
import type { EnvoyDump } from "../../envoy/current/dump.ts";
import { withOutliers } from "../../envoy/current/outliers.ts";
import { hasCondition } from "../../objects/conditions.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { Pod } from "../../objects/types.ts";
import { askEnvoy, CLUSTERS_PATH, dumpOf } from "../envoy-admin.ts";
import { findEnvoyPod } from "../envoy-pods.ts";
import { show } from "../proxy-config.ts";
import {
  ECHO,
  echoDeployment,
  echoService,
  NAMESPACES,
  namespace,
  PORT,
  SLEEP,
  sleepAccount,
  sleepDeployment,
} from "./mesh-experiment-objects.ts";
import type { Finding, Scenario, ScenarioRoom } from "./scenario.ts";

const PLACES = Object.keys(NAMESPACES);

async function prepare(room: ScenarioRoom): Promise<void> {
  const { client } = room;
  const labels = { "istio-injection": "enabled" };
  await client.patch(KINDS.Namespace, "default", undefined, { metadata: { labels } }, { type: "merge" });
  for (const place of PLACES) {
    await client.create(KINDS.Namespace, namespace(place));
    await client.create(KINDS.Service, echoService(place));
    await client.create(KINDS.Deployment, echoDeployment(place));
  }
  await client.create(KINDS.ServiceAccount, sleepAccount());
  await client.create(KINDS.Deployment, sleepDeployment());
  for (const [place, app] of applications()) await readyPod(room, place, app);
  for (const place of PLACES) await listening(room, place);
}

/** The samples have no readiness probes: their pods are ready before their servers are. */
async function listening(room: ScenarioRoom, place: string): Promise<void> {
  const { metadata } = await readyPod(room, place, ECHO);
  const where = { namespace: place, container: ECHO };
  await room.until(`the server in ${place}`, async () => {
    const { code } = await room.inPod(
      metadata.name,
      ["nc", "-z", "localhost", String(PORT)],
      undefined,
      where,
    );
    return code === 0 ? true : undefined;
  });
}

function applications(): (readonly [place: string, app: string])[] {
  return [["default", SLEEP], ...PLACES.map((place) => [place, ECHO] as const)];
}

function readyPod(room: ScenarioRoom, place: string, app: string): Promise<Pod> {
  return room.until(`a pod of ${app} in ${place} that is ready`, async () => {
    const { items } = await room.client.list<Pod>(KINDS.Pod, {
      namespace: place,
      labelSelector: `app=${app}`,
    });
    return items.find((pod) => hasCondition(pod, "Ready"));
  });
}

async function injection(room: ScenarioRoom): Promise<Finding> {
  const pods = await Promise.all(applications().map(([place, app]) => readyPod(room, place, app)));
  const names = pods.map(({ spec }) => (spec.initContainers ?? []).map(({ name }) => name));
  return {
    evidence: pods.map(
      ({ metadata, status }, index) =>
        `${metadata.namespace}/${metadata.name} with ${names[index]?.join(" and ")}: ${(status?.podIPs ?? []).map(({ ip }) => ip).join(", ")}`,
    ),
    verdict: "Every pod was given a sidecar by the label of its namespace, and the capture of its traffic.",
    holds: names.every((list) => list.join() === "tandem-init,tandem-proxy"),
  };
}

/** `echo dualstack | nc tcp-echo.dual-stack 9000` of the page, for each of the namespaces. */
async function answers(room: ScenarioRoom): Promise<Finding> {
  const { metadata } = await readyPod(room, "default", SLEEP);
  const evidence: string[] = [];
  let holds = true;
  for (const place of PLACES) {
    const word = place.replace("-", "");
    const command = `echo ${word} | nc -w 10 ${ECHO}.${place} ${PORT}`;
    // its sidecar hears of the last server some milliseconds after the server is ready
    const { out, err } = await room.until(`an answer from ${place}`, async () => {
      const where = { container: SLEEP };
      const said = await room.inPod(metadata.name, ["sh", "-c", command], undefined, where);
      return said.out === "" ? undefined : said;
    });
    evidence.push(`$ ${command}`, ...`${out}${err}`.trim().split("\n"));
    holds &&= out === `hello ${word}\n`;
  }
  return { evidence, verdict: "The client reaches all three through its sidecar.", holds };
}

/** What the sidecar of an application has, by Envoy's own word. */
async function dump(room: ScenarioRoom, place: string, app: string): Promise<EnvoyDump> {
  const { metadata } = await readyPod(room, place, app);
  return dumpOf(room.client, await findEnvoyPod(room.client, metadata.name, place));
}

async function listeners(room: ScenarioRoom): Promise<Finding> {
  const text = show(await dump(room, "dual-stack", ECHO), ["listeners"], { port: PORT }, "table");
  const rows = text.split("\n").slice(1);
  const addressesOf = (place: string) =>
    rows.find((row) => row.includes(`${ECHO}.${place}.svc`))?.split(/ +/)[0] ?? "";
  return {
    evidence: text.split("\n"),
    verdict:
      "One listener a Service: that of both families has the other family's address as an additional one.",
    holds:
      rows.length === PLACES.length &&
      /^\[[0-9a-f:]+\],[0-9.]+$/.test(addressesOf("dual-stack")) &&
      /^[0-9.]+$/.test(addressesOf("ipv4")) &&
      /^\[[0-9a-f:]+\]$/.test(addressesOf("ipv6")),
  };
}

async function virtualInbound(room: ScenarioRoom): Promise<Finding> {
  const text = show(await dump(room, "dual-stack", ECHO), ["listeners"], { port: 15006 }, "table");
  const rows = text.split("\n").slice(1);
  return {
    evidence: text.split("\n"),
    verdict: "What comes in is taken by one listener, on 0.0.0.0 and [::].",
    holds: rows.length > 0 && rows.every((row) => row.startsWith("0.0.0.0,[::] ")),
  };
}

/** Sidecars hear by and by of what pods answer over. */
function endpoints(room: ScenarioRoom): Promise<Finding> {
  return room.until("every pod as one endpoint", async () => {
    const found = await lookAtEndpoints(room);
    return found.holds ? found : undefined;
  });
}

async function lookAtEndpoints(room: ScenarioRoom): Promise<Finding> {
  const { metadata } = await readyPod(room, "default", SLEEP);
  const pod = await findEnvoyPod(room.client, metadata.name, "default");
  const checked = await askEnvoy(room.client, pod, CLUSTERS_PATH);
  const all = withOutliers(await dumpOf(room.client, pod), checked);
  const text = show(all, ["endpoints"], { port: PORT }, "table");
  const rows = text.split("\n").slice(1);
  const rowOf = (place: string) => rows.find((row) => row.includes(`${ECHO}.${place}.svc`)) ?? "";
  return {
    evidence: text.split("\n"),
    verdict: "Each pod is one endpoint; that of the Service of both families with both of its addresses.",
    holds:
      rows.length === PLACES.length &&
      rows.every((row) => / HEALTHY +OK /.test(row)) &&
      /\[[0-9a-f:]+\]:9000,[0-9.]+:9000 /.test(rowOf("dual-stack")) &&
      /^[0-9.]+:9000 /.test(rowOf("ipv4")) &&
      /^\[[0-9a-f:]+\]:9000 /.test(rowOf("ipv6")),
  };
}

async function mutualTls(room: ScenarioRoom): Promise<Finding> {
  const evidence: string[] = [];
  let holds = true;
  for (const place of PLACES) {
    const { metadata } = await readyPod(room, place, ECHO);
    const pod = await findEnvoyPod(room.client, metadata.name, place);
    const said = await askEnvoy(room.client, pod, "/stats?filter=15006.ssl.handshake$");
    const count = Number(/: (\d+)/.exec(said)?.[1] ?? 0);
    evidence.push(`${place}: ${count} TLS handshakes of callers`);
    holds &&= count > 0;
  }
  return { evidence, verdict: "The sidecars spoke mutual TLS with each other, unasked.", holds };
}

/** The scenario `001-mesh-experiment`. */
export const MESH_EXPERIMENT: Scenario = {
  name: "001-mesh-experiment",
  summary:
    "sidecars of a dual-stack mesh: tcp-echo over both families, IPv4 and IPv6, and what the sidecars have",
  families: ["IPv4", "IPv6"],
  nodes: 1,
  prepare,
  steps: [
    { title: "Sidecars by the namespace's label", look: injection },
    { title: "The answers", look: answers },
    { title: "Listeners of the server's sidecar on port 9000", look: listeners },
    { title: "Its virtual inbound listener", look: virtualInbound },
    { title: "Endpoints of the client's sidecar on port 9000", look: endpoints },
    { title: "Mutual TLS", look: mutualTls },
  ],
};
