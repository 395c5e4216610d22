/** `tandem status` as text. Pure. */
import { formatColumns } from "../../diagnosis/index.ts";
import type { Family, PerFamily } from "../../ip/family.ts";
import { describeEffect, nameOfTarget } from "../../lab/index.ts";
import { humanDuration } from "../../objects/time.ts";
import type { ClusterStatus, Share } from "./model.ts";

const NONE = "–";

/**
 * Tables of the parts, nodes, pods, Gateways, load balancers and faults that there are, then what is down and what to do.
 * @param now milliseconds
 * @param wide with pod ranges of nodes and logs of parts
 */
export function statusText(status: ClusterStatus, wide: boolean, now: number): string {
  const sections = [
    head(status),
    table(partRows(status, wide, now)),
    table(nodeRows(status, wide)),
    table(podRows(status)),
    table(gatewayRows(status)),
    table(balancerRows(status)),
    table(faultRows(status, now)),
    foot(status),
  ];
  return sections.filter((section) => section !== "").join("\n\n");
}

function head({ cluster, kubeconfig, server, families, versions }: ClusterStatus): string {
  const { tandem, kubernetes, node, envoy } = versions;
  const known = [
    `Tandem ${tandem}`,
    ...(kubernetes === undefined ? [] : [`Kubernetes ${kubernetes}`]),
    `Node ${node}`,
    ...(envoy === undefined ? [] : [`Envoy ${envoy}`]),
  ];
  return formatColumns([
    ["Cluster", cluster ?? "not of this lab"],
    ["Families", families.join(", ") || "unknown"],
    ["API", server],
    ["Kubeconfig", kubeconfig ?? "$KUBECONFIG"],
    ["Versions", known.join(", ")],
  ]);
}

/** Rows with a header; no section without any. */
function table([header, ...rows]: readonly (readonly string[])[]): string {
  return header === undefined || rows.length === 0 ? "" : formatColumns([header, ...rows]);
}

function partRows(
  { parts, nodes, gateways, loadBalancers, sidecars, versions }: ClusterStatus,
  wide: boolean,
  now: number,
) {
  const does = (name: string): string => {
    if (name === "control-plane") return "API server, controllers, DNS";
    if (versions.kubernetes === undefined) return ""; // nobody says
    switch (name) {
      case "gateway":
        return `${gateways.filter(({ programmed }) => programmed).length}/${gateways.length} Gateways programmed`;
      case "mesh":
        return `${sidecars.ready}/${sidecars.total} pods with sidecars ready`;
      case "balancer":
        return `${loadBalancers.filter(({ addresses }) => addresses.length > 0).length}/${loadBalancers.length} Services with addresses`;
      default:
        return nodes.some((node) => node.name === name) ? "kubelet, kernel rules" : "";
    }
  };
  return [
    ["PART", "STATE", "RESTARTS", "AGE", "WHAT", ...(wide ? ["LOG"] : [])],
    ...parts.map(({ name, state, restarts, since, log }) => [
      name,
      state,
      String(restarts),
      since === undefined ? NONE : humanDuration(now - Date.parse(since)),
      does(name),
      ...(wide ? [log] : []),
    ]),
  ];
}

/** A column for each family of the cluster. */
function perFamily(families: readonly Family[], value: PerFamily<string>): string[] {
  return families.map((family) => value[family] ?? NONE);
}

function heads(families: readonly Family[], what: string): string[] {
  return families.map((family) => `${what}/${family === "IPv4" ? "4" : "6"}`);
}

function nodeRows({ nodes, families }: ClusterStatus, wide: boolean) {
  return [
    ["NODE", "READY", "PODS", ...heads(families, "ADDRESS"), ...(wide ? heads(families, "RANGE") : [])],
    ...nodes.map(({ name, ready, pods, addresses, podRanges }) => [
      name,
      ready ? "yes" : "no",
      String(pods),
      ...perFamily(families, addresses),
      ...(wide ? perFamily(families, podRanges) : []),
    ]),
  ];
}

function podRows({ pods, families }: ClusterStatus) {
  const share = (value: Share | undefined) => (value === undefined ? NONE : `${value.ready}/${value.total}`);
  return [
    ["NAMESPACE", "READY", ...heads(families, "READY"), "COMPLETED"],
    ...pods.map((line) => [
      line.namespace,
      share(line),
      ...families.map((family) => share(line.families[family])),
      String(line.completed),
    ]),
  ];
}

function gatewayRows({ gateways }: ClusterStatus) {
  return [
    ["GATEWAY", "PROGRAMMED", "ADDRESSES"],
    ...gateways.map(({ namespace, name, programmed, addresses }) => [
      `${namespace}/${name}`,
      programmed ? "yes" : "no",
      addresses.join(", ") || NONE,
    ]),
  ];
}

function balancerRows({ loadBalancers }: ClusterStatus) {
  return [
    ["LOAD BALANCER", "ADDRESSES"],
    ...loadBalancers.map(({ namespace, name, addresses }) => [
      `${namespace}/${name}`,
      addresses.join(", ") || "pending",
    ]),
  ];
}

function faultRows({ faults }: ClusterStatus, now: number) {
  return [
    ["FAULT", "TARGET", "WHAT", "AGE"],
    ...faults.map(({ id, target, effect, since }) => [
      String(id),
      nameOfTarget(target),
      describeEffect(effect),
      humanDuration(now - Date.parse(since)),
    ]),
  ];
}

function foot({ problems }: ClusterStatus): string {
  if (problems.length === 0) return "Nothing is down. tandem matrix proves every Service.";
  const lines = problems.flatMap(({ where, why, next }) => [`  ${where}: ${why}`, `    next: ${next}`]);
  return [`${problems.length === 1 ? "1 problem" : `${problems.length} problems`}:`, ...lines].join("\n");
}
