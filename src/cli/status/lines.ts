/** From objects to the lines of `tandem status`. Pure. */
import { familyOfText } from "../../ip/address.ts";
import {
  FAMILIES,
  type Family,
  familiesOf,
  groupByFamily,
  mapFamilies,
  type PerFamily,
} from "../../ip/family.ts";
import type { Gateway } from "../../objects/gateway/index.ts";
import { conditionOf } from "../../objects/conditions.ts";
import type { Node, Pod, Service } from "../../objects/types.ts";
import { silentFamiliesOf } from "../../traffic/index.ts";
import { podReady } from "../pod-readiness.ts";
import type { BalancerLine, GatewayLine, NodeLine, PodsLine, Share } from "./model.ts";

/** A line a node, in the order of the API. */
export function nodeLines(nodes: readonly Node[], pods: readonly Pod[]): NodeLine[] {
  return nodes.map(({ metadata: { name }, spec, status }) => {
    const ready = conditionOf(status?.conditions, "Ready");
    const isReady = ready?.status === "True";
    return {
      name,
      ready: isReady,
      ...(!isReady && { reason: ready?.message ?? "it has not said that it is ready" }),
      version: status?.nodeInfo?.["kubeletVersion"] ?? "",
      addresses: byFamily(addressesOf(status?.addresses ?? [])),
      podRanges: byFamily(spec.podCIDRs ?? []),
      pods: pods.filter((pod) => pod.spec.nodeName === name && !hasEnded(pod)).length,
    };
  });
}

function addressesOf(addresses: NonNullable<Node["status"]>["addresses"] = []): string[] {
  return addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address);
}

/** The first of each family; of ranges the family of their address. */
function byFamily(texts: readonly string[]): PerFamily<string> {
  const known = texts.flatMap((text) => {
    const family = familyOfText(text.split("/")[0] ?? "");
    return family === undefined ? [] : [{ text, family }];
  });
  return mapFamilies(
    groupByFamily(known, ({ family }) => family),
    ([first]) => first?.text,
  );
}

/** The families that nodes have, in the order of the first of them. */
export function familiesOfNodes(nodes: readonly Node[]): Family[] {
  const [first] = nodes;
  const order = addressesOf(first?.status?.addresses).flatMap((text) => familyOfText(text) ?? []);
  return familiesOf(byFamily(nodes.flatMap((node) => addressesOf(node.status?.addresses))), [
    ...new Set([...order, ...FAMILIES]),
  ]);
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** A line a namespace that has pods, by name. Pods that are being deleted count no more. */
export function podLines(pods: readonly Pod[]): PodsLine[] {
  const stay = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const byNamespace = Map.groupBy(stay, ({ metadata }) => metadata.namespace ?? "default");
  return [...byNamespace]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([namespace, all]) => {
      const completed = all.filter(({ status }) => status?.phase === "Succeeded").length;
      const wanted = all.filter(({ status }) => status?.phase !== "Succeeded");
      return { namespace, ...shareOf(wanted, podReady), families: familyShares(wanted), completed };
    });
}

function shareOf(pods: readonly Pod[], isReady: (pod: Pod) => boolean): Share {
  return { ready: pods.filter(isReady).length, total: pods.length };
}

function familyShares(pods: readonly Pod[]): PerFamily<Share> {
  const addresses = pods.flatMap((pod) =>
    (pod.status?.podIPs ?? []).flatMap(({ ip }) => ({ pod, family: familyOfText(ip) ?? "IPv4" })),
  );
  const answers = (family: Family) => (pod: Pod) =>
    podReady(pod) && silentFamiliesOf(pod)?.[family] === undefined;
  return mapFamilies(
    groupByFamily(addresses, ({ family }) => family),
    (of, family) =>
      shareOf(
        of.map(({ pod }) => pod),
        answers(family),
      ),
  );
}

/** A line a Gateway. */
export function gatewayLines(gateways: readonly Gateway[]): GatewayLine[] {
  return gateways.map(({ metadata: { namespace = "default", name }, status }) => {
    const conditions = status?.conditions ?? [];
    const programmed = conditions.some(({ type, status: is }) => type === "Programmed" && is === "True");
    const why = conditions.find(
      ({ type, status: is }) => ["Accepted", "Programmed"].includes(type) && is !== "True",
    );
    const reason =
      why === undefined ? "no controller has said anything of it" : `${why.reason}: ${why.message}`;
    const addresses = (status?.addresses ?? []).flatMap(({ value }) => value ?? []);
    return { namespace, name, programmed, ...(!programmed && { reason }), addresses };
  });
}

/** A line a Service of type LoadBalancer. */
export function balancerLines(services: readonly Service[]): BalancerLine[] {
  return services
    .filter(({ spec }) => spec.type === "LoadBalancer")
    .map(({ metadata: { namespace = "default", name }, status }) => ({
      namespace,
      name,
      addresses: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []),
    }));
}
