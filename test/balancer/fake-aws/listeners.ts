/** Listeners of the fake, with the rules that the real service enforces. */
import type { BareListener } from "../../../src/balancer/aws/api.ts";
import type { DesiredListener, IpAddressType } from "../../../src/balancer/aws/model.ts";
import { checkListenerAttributes, listenerDefaults } from "./attributes.ts";
import { loadBalancerOf } from "./load-balancers.ts";
import { targetGroupOf } from "./target-groups.ts";
import type { Calls, FakeListener, FakeLoadBalancer, World } from "./world.ts";
import { checkTags, nextId, insist, sameRecord } from "./world.ts";

const CONFLICT = "InvalidConfigurationRequest";
const SSL_POLICIES =
  /^ELBSecurityPolicy-(2016-08|2015-05|TLS-1-[0-2]-.*|TLS13-1-[0-3]-.*|FS-.*|TLS13-.*)$|^ELBSecurityPolicy-2016-08$/;
const ALPN = ["None", "HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred"];

/** The protocols of target groups that a listener may forward to. */
const FORWARDS: Readonly<Record<string, readonly string[]>> = {
  TCP: ["TCP", "TCP_UDP"],
  TLS: ["TCP", "TLS"],
  UDP: ["UDP", "TCP_UDP"],
  TCP_UDP: ["TCP_UDP"],
  QUIC: ["QUIC", "TCP_QUIC"],
  TCP_QUIC: ["TCP_QUIC"],
};

/** A listener by its ARN. @throws as AWS does where there is none */
export function listenerOf(world: World, arn: string): FakeListener {
  const found = world.listeners.get(arn);
  insist(found, "ListenerNotFound", `Listener '${arn}' not found`);
  return found;
}

/** The listeners of a load balancer. */
export function listenersOf(world: World, loadBalancer: string): FakeListener[] {
  return [...world.listeners.values()].filter((it) => it.loadBalancer === loadBalancer);
}

function bareListener(it: FakeListener): BareListener {
  return {
    arn: it.arn,
    port: it.port,
    protocol: it.protocol,
    forward: it.forward.map((to) => ({ ...to })),
    ...(it.sticky && { sticky: true }),
    sslPolicy: it.sslPolicy,
    alpnPolicy: it.alpnPolicy,
    defaultCertificates: it.defaultCertificate === undefined ? [] : [it.defaultCertificate],
  };
}

/** What a load balancer's IP address type allows: no UDP from IPv6 clients to IPv4 targets, no IPv6 targets on ipv4. */
export function checkListenerOnFamily(
  world: World,
  listener: Pick<FakeListener, "protocol" | "forward">,
  on: { type: IpAddressType; prefix: "on" | "off" | undefined },
): void {
  const udp = listener.protocol.includes("UDP") || listener.protocol.includes("QUIC");
  const families = listener.forward.map((to) => targetGroupOf(world, to.targetGroup).ipAddressType);
  if (on.type === "ipv4") {
    insist(!families.includes("ipv6"), CONFLICT, "IPv6 target groups need a dualstack load balancer");
    return;
  }
  insist(
    !udp || on.prefix === "on",
    CONFLICT,
    `You must enable prefix for IPv6 source NAT for ${listener.protocol} listeners of dualstack load balancers`,
  );
  insist(
    !udp || !families.includes("ipv4"),
    CONFLICT,
    `${listener.protocol} listeners of dualstack load balancers cannot use IPv4 target groups`,
  );
}

function checkTls(world: World, spec: DesiredListener): void {
  const [certificate] = spec.certificates;
  if (spec.protocol !== "TLS") {
    insist(
      certificate === undefined,
      "ValidationError",
      "A certificate cannot be specified for this protocol",
    );
    insist(
      spec.sslPolicy === undefined,
      "ValidationError",
      "An SSL policy cannot be specified for this protocol",
    );
    insist(spec.alpnPolicy === undefined, "ValidationError", "An ALPN policy needs a TLS listener");
    return;
  }
  insist(certificate, "ValidationError", "A certificate must be specified for TLS listeners");
  insist(
    world.certificates.has(certificate),
    "CertificateNotFound",
    `Certificate '${certificate}' not found`,
  );
  insist(
    spec.sslPolicy === undefined || SSL_POLICIES.test(spec.sslPolicy),
    "SSLPolicyNotFound",
    `SSL policy '${spec.sslPolicy}' not found`,
  );
  insist(
    spec.alpnPolicy === undefined || ALPN.includes(spec.alpnPolicy),
    "ALPNPolicyNotSupported",
    `ALPN policy '${spec.alpnPolicy}' is not supported`,
  );
}

function checkForward(world: World, balancer: FakeLoadBalancer, spec: DesiredListener): void {
  insist(!spec.sticky || spec.protocol !== "TLS", "ValidationError", "TLS has no stickiness between groups");
  insist(spec.forward.length >= 1 && spec.forward.length <= 5, "ValidationError", "forward to 1 to 5 groups");
  const arns = spec.forward.map((to) => to.targetGroup);
  insist(new Set(arns).size === arns.length, "ValidationError", "a target group is named twice");
  for (const { targetGroup, weight } of spec.forward) {
    const group = targetGroupOf(world, targetGroup);
    insist(weight >= 0 && weight <= 999, "ValidationError", `weight ${weight} is not between 0 and 999`);
    insist(group.vpcId === balancer.vpcId, CONFLICT, `'${targetGroup}' is of another VPC`);
    insist(
      FORWARDS[spec.protocol]?.includes(group.protocol),
      "IncompatibleProtocols",
      `${spec.protocol} listeners cannot forward to ${group.protocol} target groups`,
    );
    const elsewhere = usersOf(world, targetGroup).filter((arn) => arn !== balancer.arn);
    insist(
      elsewhere.length === 0,
      "TargetGroupAssociationLimit",
      `The following target groups cannot be associated with more than one load balancer: ${targetGroup}`,
    );
  }
  checkListenerOnFamily(world, spec, {
    type: balancer.ipAddressType,
    prefix: balancer.prefixForIpv6SourceNat,
  });
}

/** The load balancers whose listeners forward to a target group. */
export function usersOf(world: World, targetGroup: string): string[] {
  const users = [...world.listeners.values()].filter((it) =>
    it.forward.some((to) => to.targetGroup === targetGroup),
  );
  return [...new Set(users.map((it) => it.loadBalancer))];
}

/** Notes since when each target group is used: health checks begin then. */
function noteUse(world: World): void {
  for (const group of world.targetGroups.values()) {
    const used = usersOf(world, group.arn).length > 0;
    if (!used) group.usedSince = undefined;
    else group.usedSince ??= world.now();
  }
}

function checkListener(world: World, balancer: FakeLoadBalancer, spec: DesiredListener): void {
  insist(FORWARDS[spec.protocol], "UnsupportedProtocol", `Protocol '${spec.protocol}' is not supported`);
  insist(
    Number.isInteger(spec.port) && spec.port >= 1 && spec.port <= 65535,
    "ValidationError",
    `port '${spec.port}' is not valid`,
  );
  checkTls(world, spec);
  checkForward(world, balancer, spec);
}

function sameSettings(it: FakeListener, spec: DesiredListener): boolean {
  return (
    it.protocol === spec.protocol &&
    JSON.stringify(it.forward) === JSON.stringify(spec.forward) &&
    it.sticky === (spec.sticky ?? false) &&
    it.defaultCertificate === spec.certificates[0] &&
    it.alpnPolicy === spec.alpnPolicy &&
    sameRecord(it.tags, spec.tags)
  );
}

function policyOf(spec: DesiredListener): string | undefined {
  return spec.protocol === "TLS" ? (spec.sslPolicy ?? "ELBSecurityPolicy-2016-08") : undefined;
}

function addListener(world: World, balancer: FakeLoadBalancer, spec: DesiredListener): FakeListener {
  const path = balancer.arn.slice(balancer.arn.indexOf("loadbalancer/") + "loadbalancer/".length);
  const base = balancer.arn.slice(0, balancer.arn.indexOf("loadbalancer/"));
  const it: FakeListener = {
    arn: `${base}listener/${path}/${nextId(world, 16)}`,
    loadBalancer: balancer.arn,
    port: spec.port,
    protocol: spec.protocol,
    forward: spec.forward.map((to) => ({ ...to })),
    sticky: spec.sticky ?? false,
    defaultCertificate: spec.certificates[0],
    otherCertificates: [],
    sslPolicy: policyOf(spec),
    alpnPolicy: spec.alpnPolicy,
    attributes: listenerDefaults(spec.protocol),
    tags: { ...spec.tags },
  };
  world.listeners.set(it.arn, it);
  noteUse(world);
  return it;
}

/** The calls about listeners. */
export const listenerCalls = {
  describeListeners: (world, loadBalancer) =>
    listenersOf(world, loadBalancerOf(world, loadBalancer).arn).map(bareListener),

  describeListenerAttributes: (world, arn) => ({ ...listenerOf(world, arn).attributes }),

  describeListenerCertificates(world, arn) {
    const it = listenerOf(world, arn);
    return [...(it.defaultCertificate === undefined ? [] : [it.defaultCertificate]), ...it.otherCertificates];
  },

  createListener(world, loadBalancer, spec) {
    const balancer = loadBalancerOf(world, loadBalancer);
    checkTags(spec.tags);
    checkListener(world, balancer, spec);
    const existing = listenersOf(world, loadBalancer);
    const same = existing.find((it) => it.port === spec.port);
    if (same !== undefined) {
      insist(
        sameSettings(same, spec),
        "DuplicateListener",
        "A listener already exists on this port for this load balancer",
      );
      return bareListener(same);
    }
    insist(existing.length < world.options.quotas.listeners, "TooManyListeners", "too many listeners");
    return bareListener(addListener(world, balancer, spec));
  },

  modifyListener(world, arn, spec) {
    const it = listenerOf(world, arn);
    checkListener(world, loadBalancerOf(world, it.loadBalancer), spec);
    const same = listenersOf(world, it.loadBalancer).find(
      (other) => other !== it && other.port === spec.port,
    );
    insist(same === undefined, "DuplicateListener", `port ${spec.port} has a listener already`);
    if (it.protocol !== spec.protocol) it.attributes = listenerDefaults(spec.protocol);
    if (spec.protocol !== "TLS") it.otherCertificates = [];
    it.port = spec.port;
    it.protocol = spec.protocol;
    it.forward = spec.forward.map((to) => ({ ...to }));
    it.sticky = spec.sticky ?? false;
    it.defaultCertificate = spec.certificates[0];
    it.sslPolicy = policyOf(spec);
    it.alpnPolicy = spec.alpnPolicy;
    noteUse(world);
  },

  modifyListenerAttributes(world, arn, attributes) {
    const it = listenerOf(world, arn);
    checkListenerAttributes(it, attributes);
    Object.assign(it.attributes, attributes);
  },

  addListenerCertificates(world, arn, certificates) {
    const it = listenerOf(world, arn);
    insist(it.protocol === "TLS", CONFLICT, "only TLS listeners have certificates");
    for (const certificate of certificates)
      insist(world.certificates.has(certificate), "CertificateNotFound", `'${certificate}' not found`);
    const all = new Set([...it.otherCertificates, ...certificates]);
    insist(
      all.size <= world.options.quotas.certificatesPerListener,
      "TooManyCertificates",
      "too many certificates",
    );
    it.otherCertificates = [...all].filter((certificate) => certificate !== it.defaultCertificate);
  },

  removeListenerCertificates(world, arn, certificates) {
    const it = listenerOf(world, arn);
    insist(
      it.defaultCertificate === undefined || !certificates.includes(it.defaultCertificate),
      "OperationNotPermitted",
      "The default certificate cannot be removed",
    );
    it.otherCertificates = it.otherCertificates.filter((certificate) => !certificates.includes(certificate));
  },

  deleteListener(world, arn) {
    world.listeners.delete(listenerOf(world, arn).arn);
    noteUse(world);
  },
} satisfies Partial<Calls>;
