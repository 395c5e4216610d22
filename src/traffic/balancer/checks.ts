/** What no other controller says early: AWS refuses it later, or it fails while running (facts in each comment). */
import { parseCidr } from "../../ip/cidr.ts";
import { otherFamily } from "../../ip/family.ts";
import type { BalancerFamilies } from "./families.ts";
import { note, type Translation } from "./context.ts";
import { asksNodes } from "./health.ts";
import type { BalancerModel, BalancerPort } from "./model.ts";
import { annotationField } from "./reader.ts";
import { ANNOTATIONS } from "./annotations/index.ts";

/** A listener limit that AWS does not raise. */
const MAX_LISTENERS = 50;
/** Targets that a load balancer has in one zone, unless AWS raised it: nodes times ports. */
const MAX_TARGETS_PER_ZONE = 500;

/** The CIDRs that clients may come from, the Service's own before the annotation's; says what cannot be. */
export function sourceRangesOf(translation: Translation, { ipAddressType }: BalancerFamilies): string[] {
  const { service, annotations, provider } = translation;
  const own = service.spec.loadBalancerSourceRanges ?? [];
  const ranges =
    own.length > 0 ? own.map((range) => range.trim()) : [...(annotations.get("sourceRanges") ?? [])];
  const field =
    own.length > 0 ? "spec.loadBalancerSourceRanges" : annotationField(ANNOTATIONS.sourceRanges.key);
  for (const range of ranges) {
    const dualstack = "set service.beta.kubernetes.io/aws-load-balancer-ip-address-type to dualstack";
    if (parseCidr(range) === undefined)
      note(
        translation,
        "error",
        field,
        `${range} is no CIDR`,
        "write one such as 192.0.2.0/24 or 2001:db8::/32",
      );
    else if (range.includes(":") && ipAddressType !== "dualstack") {
      const level = provider === "aws" ? "error" : "warning";
      note(translation, level, field, `unsupported v6 cidr ${range} when lb is not dualstack`, dualstack);
    }
  }
  if (ipAddressType === "dualstack") warnOfFamilyShutOut(translation, field, ranges);
  return ranges;
}

/** Ranges from before a move to dual stack let nobody in over the new family. */
function warnOfFamilyShutOut(translation: Translation, field: string, ranges: readonly string[]): void {
  const parsed = ranges.map(parseCidr).filter((range) => range !== undefined);
  const [first] = parsed;
  if (first === undefined || parsed.some(({ family }) => family !== first.family)) return;
  const other = otherFamily(first.family);
  const message = `all source ranges are ${first.family}: no client is let in over ${other}`;
  note(
    translation,
    "warning",
    field,
    message,
    `add ranges of ${other}, or ${other === "IPv6" ? "::/0" : "0.0.0.0/0"}`,
  );
}

/** Checks of the whole model, in which parts contradict each other. */
export function checkModel(translation: Translation, model: BalancerModel): void {
  if (model.ports.length === 0)
    note(
      translation,
      "error",
      "spec.ports",
      "a load balancer needs a port",
      "give the Service a TCP or UDP port",
    );
  checkNodes(translation, model);
  if (translation.provider !== "aws") return;
  checkOtherController(translation);
  checkUdp(translation, model);
  checkProbe(translation, model);
  for (const port of model.ports) checkServerFirst(translation, port);
  checkAmounts(translation, model);
  checkInstancesOverIpv6(translation, model);
}

/** Nodes that there are, and none of which takes traffic; where none is known there is nothing to compare. */
function checkNodes(translation: Translation, model: BalancerModel): void {
  const { nodes } = translation;
  if (model.targetType !== "instance" || nodes.length === 0 || model.nodes.length > 0) return;
  const labels = Object.entries(translation.annotations.get("nodeLabels") ?? {});
  const asked = labels.map(([key, value]) => `${key}=${value}`).join(", ");
  const having = asked === "" ? "" : ` with ${asked}`;
  note(
    translation,
    "warning",
    labels.length > 0 ? annotationField(ANNOTATIONS.nodeLabels.key) : "spec",
    `no node takes traffic: of ${nodes.length}, none${having} is ready and not excluded`,
    "look at kubectl get nodes --show-labels, for taints of autoscalers, and for " +
      "node.kubernetes.io/exclude-from-external-load-balancers",
  );
}

/** The finalizer of the AWS Load Balancer Controller, which it alone takes away. */
const OTHER_FINALIZER = "service.k8s.aws/resources";

/** Two controllers of one Service would each make a load balancer, and write the status in turns. */
function checkOtherController(translation: Translation): void {
  if (!translation.service.metadata.finalizers?.includes(OTHER_FINALIZER)) return;
  note(
    translation,
    "warning",
    "metadata.finalizers",
    `the AWS Load Balancer Controller serves this Service, too, or did: ${OTHER_FINALIZER} is its finalizer`,
    "end that controller, then take its finalizer away, without which the Service cannot be deleted; " +
      "its load balancer stays until tandem.dev/delete-old-load-balancer says otherwise",
  );
}

/** A UDP listener of a dualstack load balancer has no IPv4 targets, and sends from a prefix. */
function checkUdp(translation: Translation, model: BalancerModel): void {
  if (model.aws.ipAddressType !== "dualstack") return;
  for (const port of model.ports) {
    if (port.protocol === "TCP") continue;
    const refuse = (message: string, next: string) => note(translation, "error", "spec.ports", message, next);
    if (model.targetFamilies[0] === "IPv4")
      refuse(
        `port ${port.port} is UDP, and a dualstack load balancer of AWS does not translate UDP to IPv4 targets`,
        "give the UDP port a Service of its own with ip-address-type ipv4, or have IPv6 targets",
      );
    else if (model.aws.prefixForIpv6SourceNat !== "on")
      refuse(
        `port ${port.port} is UDP, for which a dualstack load balancer needs source addresses of a prefix`,
        "set service.beta.kubernetes.io/aws-load-balancer-enable-prefix-for-ipv6-source-nat to on",
      );
  }
}

/** With PROXY protocol on, probes start with a header, too; kube-proxy's health check does not understand it. */
function checkProbe(translation: Translation, model: BalancerModel): void {
  const { annotations, service } = translation;
  const [port] = model.ports.filter(({ proxyProtocol }) => proxyProtocol !== undefined);
  if (port === undefined || port.healthCheck.protocol === "TCP") return;
  const { protocol, port: probed } = port.healthCheck;
  const given = service.spec.healthCheckNodePort ?? 0;
  const atNode = given > 0 ? probed === given : !annotations.has("healthPort");
  if (asksNodes(translation, model.targetType) && atNode) {
    const where = given > 0 ? `node port ${given}` : "spec.healthCheckNodePort";
    const message =
      `with PROXY protocol and externalTrafficPolicy Local no target gets healthy: ${protocol} probes of ${where} start ` +
      "with a PROXY header, which kube-proxy answers with an error";
    annotations.warn(
      annotations.has("proxyProtocol") ? "proxyProtocol" : "healthProtocol",
      message,
      PROBE_TRAFFIC,
    );
  } else if (probed !== "traffic-port" && probed !== trafficPort(port, model.targetType))
    annotations.warn(
      "healthPort",
      `${protocol} probes of port ${probed} start with a PROXY header, too: no target gets healthy where that port knows none`,
      PROBE_TRAFFIC,
    );
}

const PROBE_TRAFFIC =
  "set service.beta.kubernetes.io/aws-load-balancer-healthcheck-protocol to tcp and " +
  "service.beta.kubernetes.io/aws-load-balancer-healthcheck-port to traffic-port";

function trafficPort(
  port: BalancerPort,
  targetType: BalancerModel["targetType"],
): number | string | undefined {
  return targetType === "ip" ? port.targetPort : port.nodePort;
}

/** Ports on which the server speaks first: FTP, SSH, SMTP, POP3, NNTP, IMAP, submission, MySQL, VNC. */
const SERVER_FIRST = [21, 22, 25, 110, 119, 143, 587, 2222, 2525, 3306, 5900];

/** When AWS sends the header: with the client's first bytes unless it is `on_first_ack`. */
const PLACEMENT = "proxy_protocol_v2.client_to_server.header_placement";

/** AWS sends the PROXY header with the client's first bytes: a server that speaks first waits for ever. */
function checkServerFirst(translation: Translation, port: BalancerPort): void {
  if (port.proxyProtocol === undefined || port.protocol === "UDP") return;
  if (port.targetAttributes[PLACEMENT] === "on_first_ack") return;
  const known = [port.port, port.targetPort].find((number) => SERVER_FIRST.includes(Number(number)));
  if (known === undefined) return;
  const message =
    `on port ${known} the server usually speaks first, but AWS sends the PROXY header with the client's first ` +
    "bytes: both would wait for each other";
  const next =
    `take the port out of PROXY protocol (proxy-protocol-per-target-group), or set ${PLACEMENT}=on_first_ack ` +
    "among its target group's attributes, which AWS Support allows";
  note(translation, "warning", "spec.ports", message, next);
}

function checkAmounts(translation: Translation, model: BalancerModel): void {
  const listeners = model.ports.length;
  if (listeners > MAX_LISTENERS)
    note(
      translation,
      "error",
      "spec.ports",
      `${listeners} ports need as many listeners; AWS has at most ${MAX_LISTENERS} on a load balancer`,
      "divide the ports between several Services",
    );
  if (model.targetType === "ip") return;
  const zones = Map.groupBy(model.nodes, ({ zone }) => zone ?? "");
  for (const [zone, nodes] of zones) {
    const targets = nodes.length * listeners;
    if (targets <= MAX_TARGETS_PER_ZONE) continue;
    const place = zone === "" ? "one zone" : `zone ${zone}`;
    note(
      translation,
      "warning",
      "spec.ports",
      `${nodes.length} nodes times ${listeners} ports are ${targets} targets in ${place}; ` +
        `AWS has ${MAX_TARGETS_PER_ZONE} unless the quota was raised`,
      "choose nodes by service.beta.kubernetes.io/aws-load-balancer-target-node-labels, or raise the quota",
    );
  }
}

function checkInstancesOverIpv6(translation: Translation, model: BalancerModel): void {
  if (model.targetType !== "instance" || model.targetFamilies[0] !== "IPv6") return;
  const message =
    "AWS takes instances as IPv6 targets only where their network interface has a primary IPv6 address";
  note(translation, "warning", "spec.ipFamilies", message, "assign one, or put IPv4 first");
}
