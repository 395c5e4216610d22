/** The ports of a Service as listeners (pkg/service/model_build_listener.go). */
import type { ServicePort } from "../../objects/types.ts";
import { forwardOf } from "./actions.ts";
import { note, type Translation } from "./context.ts";
import { listenerProtocolOf } from "./listener.ts";
import type { BalancerPort, HealthCheck } from "./model.ts";
import { proxyVersionOf, targetAttributesOf } from "./proxy-protocol.ts";
import { planTls, type TlsPlan } from "./tls.ts";

/** What all ports share. */
export interface PortPlan {
  readonly targetType: "instance" | "ip";
  readonly healthCheck: HealthCheck;
}

type CarriedPort = ServicePort & { protocol: "TCP" | "UDP" };
type MergedPort = Omit<ServicePort, "protocol"> & { protocol: BalancerPort["protocol"] };

/** The ports in the Service's order; a TCP and a UDP port of one number are one where they shall be merged. */
export function portsOf(translation: Translation, plan: PortPlan): BalancerPort[] {
  const ports = merged(translation, carried(translation));
  const tls = planTls(translation);
  const listeners = ports.map((port) => portOf(translation, port, tls, plan));
  warnOfUnused(translation, listeners);
  return listeners;
}

function carried(translation: Translation): CarriedPort[] {
  const ports = (translation.service.spec.ports ?? []).map((port) => ({
    ...port,
    protocol: port.protocol ?? "TCP",
  }));
  return ports.filter((port, index): port is CarriedPort => {
    if (port.protocol !== "SCTP") return true;
    const field = `spec.ports[${index}].protocol`;
    note(translation, "error", field, "no load balancer carries SCTP", "use TCP or UDP");
    return false;
  });
}

function merged(translation: Translation, ports: readonly CarriedPort[]): MergedPort[] {
  const byNumber = Map.groupBy(ports, ({ port }) => port);
  const enabled = translation.annotations.get("tcpUdp") ?? translation.flags.enableTcpUdpListener ?? false;
  return [...byNumber.values()].flatMap((same) => {
    if (same.length === 1) return same;
    if (!enabled) {
      refuseSameNumber(translation, same);
      return same;
    }
    return [mergeTwo(translation, same)];
  });
}

function refuseSameNumber(translation: Translation, [first]: readonly CarriedPort[]): void {
  if (translation.provider !== "aws") return;
  const message = `port ${first!.port} is there twice; AWS has one listener a number`;
  const next = 'set service.beta.kubernetes.io/aws-load-balancer-enable-tcp-udp-listener to "true"';
  note(translation, "error", "spec.ports", message, next);
}

function mergeTwo(translation: Translation, same: readonly CarriedPort[]): MergedPort {
  const [first, second] = same as [CarriedPort, CarriedPort];
  const refuse = (message: string, next?: string) => note(translation, "error", "spec.ports", message, next);
  if (same.length > 2) {
    const list = same.map(({ port, protocol }) => `${port}/${protocol}`).join(" ");
    refuse(
      `can only merge two ports, not ${same.length} (${list})`,
      "have one TCP and one UDP port of a number",
    );
  } else if (first.protocol === second.protocol)
    refuse(
      `protocols can't match for merging: ${first.protocol}`,
      "have one TCP and one UDP port of a number",
    );
  else if (first.nodePort !== second.nodePort)
    refuse(
      `TCP and UDP port ${first.port} are one listener, but have node ports ${first.nodePort} and ${second.nodePort}`,
      "set spec.ports[*].nodePort of both to one number",
    );
  else if ((first.targetPort ?? first.port) !== (second.targetPort ?? second.port))
    refuse(
      `TCP and UDP port ${first.port} are one listener, but have different target ports`,
      "set spec.ports[*].targetPort of both to one port",
    );
  return { ...first, protocol: "TCP_UDP" };
}

function portOf(translation: Translation, port: MergedPort, tls: TlsPlan, plan: PortPlan): BalancerPort {
  const isTls = port.protocol === "TCP" && tls.isTls({ ...port, protocol: "TCP" });
  const targetAttributes = targetAttributesOf(translation, port.port);
  const base = {
    name: port.name ?? "",
    protocol: port.protocol,
    port: port.port,
    nodePort: nodePortOf(translation, port, plan.targetType),
    targetPort: port.targetPort ?? port.port,
    proxyProtocol: proxyVersionOf(translation, targetAttributes, port.protocol),
    tls: isTls ? tls.tls : undefined,
    tlsToTargets: isTls && tls.toTargets,
    healthCheck: plan.healthCheck,
    targetAttributes,
  };
  const listener = `${listenerProtocolOf(base)}-${port.port}`;
  return {
    ...base,
    listenerAttributes: translation.annotations.at("listenerAttributesOf", listener) ?? {},
    forward: forwardOf(translation, listener, plan.targetType),
  };
}

function nodePortOf(
  translation: Translation,
  port: MergedPort,
  targetType: "instance" | "ip",
): number | undefined {
  const nodePort = (port.nodePort ?? 0) === 0 ? undefined : port.nodePort;
  if (targetType === "ip" || nodePort !== undefined) return nodePort;
  const { spec, metadata } = translation.service;
  const field = "spec.allocateLoadBalancerNodePorts";
  if (spec.allocateLoadBalancerNodePorts === false) {
    const next = "let node ports be allocated, or make pods the targets (target type ip)";
    note(
      translation,
      "error",
      field,
      "unable to support instance target type with an unallocated NodePort",
      next,
    );
  } else if (metadata.uid !== undefined)
    note(
      translation,
      "error",
      "spec.ports",
      "TargetGroup port is empty. When using Instance targets, your service be must of type 'NodePort' or 'LoadBalancer'",
      "wait until node ports are allocated, or set spec.ports[*].nodePort",
    );
  return undefined;
}

function warnOfUnused({ annotations }: Translation, listeners: readonly BalancerPort[]): void {
  const known = listeners.map((port) => `${listenerProtocolOf(port)}-${port.port}`);
  const next = known.length > 0 ? `listeners are ${known.join(", ")}` : undefined;
  for (const name of ["listenerAttributesOf", "actionsOf"] as const)
    for (const suffix of annotations.suffixes(name))
      if (!known.includes(suffix)) annotations.warn(name, `no listener is ${suffix}`, next, suffix);
}
