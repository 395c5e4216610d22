/** Configurations of whole clusters, their address pools and gateways. Pure. */
import type { Component } from "../../allocation/flags/index.ts";
import { parseCidr } from "../../ip/cidr.ts";
import { type Family, otherFamily } from "../../ip/family.ts";
import { familyOfText } from "../../ip/address.ts";
import { judgeComponents } from "./components.ts";
import { asList, asObject, at, type Path, type Remark, textsOf } from "./model.ts";

type Manifest = Readonly<Record<string, unknown>>;
type Rule = (object: Manifest) => Remark[];

/** By kind and group; a group that ends in a dot stands for all versions. */
const RULES: readonly (readonly [string, string, Rule])[] = [
  ["Cluster", "kind.x-k8s.io/", judgeKind],
  ["Cluster", "cluster.x-k8s.io/", judgeClusterApi],
  ["ClusterConfiguration", "kubeadm.k8s.io/", judgeKubeadm],
  ["KubeProxyConfiguration", "kubeproxy.config.k8s.io/", judgeKubeProxy],
  ["EnvoyProxy", "gateway.envoyproxy.io/", judgeEnvoyProxy],
  ["Gateway", "networking.istio.io/", judgeIstioBind],
  ["Sidecar", "networking.istio.io/", judgeIstioBind],
  ["IPAddressPool", "metallb.io/", judgeMetalLb],
  ["CiliumLoadBalancerIPPool", "cilium.io/", judgeCiliumPool],
  ["Gateway", "gateway.networking.k8s.io/", judgeGateway],
  ["Ingress", "networking.k8s.io/", judgeIngress],
];

/** Judges an object of a kind that says something of the cluster's families; others get nothing. */
export function judgeCluster(object: Manifest, families: readonly Family[]): Remark[] {
  if (families.length < 2) return [];
  const found = RULES.find(
    ([kind, group]) => object["kind"] === kind && String(object["apiVersion"]).startsWith(group),
  );
  return found?.[2](object) ?? [];
}

function judgeKind(object: Manifest): Remark[] {
  const path = ["networking", "ipFamily"];
  const family = at(object, path);
  if (family === "dual") return [];
  const said = family === undefined ? "ipFamily is missing (ipv4)" : `ipFamily: ${String(family)}`;
  return [
    remark(
      "cluster-one-family",
      "note",
      family === undefined ? ["networking"] : path,
      `${said}: the cluster has one family`,
      "networking: {ipFamily: dual}",
    ),
  ];
}

function judgeClusterApi(object: Manifest): Remark[] {
  return ["pods", "services"].flatMap((field) => {
    const path = ["spec", "clusterNetwork", field, "cidrBlocks"];
    return oneFamily(textsOf(at(object, path)), path, `${field} have {only} alone`, "add a block of {other}");
  });
}

function judgeKubeadm(object: Manifest): Remark[] {
  const flags = KUBEADM_COMPONENTS.flatMap(([field, component]) => judgeExtraArgs(object, field, component));
  return [...judgeSubnets(object), ...flags];
}

const KUBEADM_COMPONENTS = [
  ["apiServer", "kube-apiserver"],
  ["controllerManager", "kube-controller-manager"],
] as const;

/** A map of flags before v1beta4, a list of names and values since. */
function judgeExtraArgs(object: Manifest, field: string, component: Component): Remark[] {
  const path = [field, "extraArgs"];
  const given = at(object, path);
  const flags = Array.isArray(given)
    ? given.map((item, index) => ({ ...asObject(item), path: [...path, index] }))
    : Object.entries(asObject(given)).map(([name, value]) => ({ name, value, path: [...path, name] }));
  const words = flags.map((flag) => ({
    text: `--${String(at(flag, ["name"]))}=${String(at(flag, ["value"]))}`,
    path: flag.path,
  }));
  return words.length === 0
    ? []
    : judgeComponents([{ text: component, path }, ...words], path, ["IPv4", "IPv6"]);
}

function judgeSubnets(object: Manifest): Remark[] {
  const given = ["podSubnet", "serviceSubnet"].flatMap((field) => {
    const text = at(object, ["networking", field]);
    return typeof text === "string" && text !== ""
      ? [{ path: ["networking", field], text, families: familiesIn(text) }]
      : [];
  });
  const dual = given.some(({ families }) => families.size === 2);
  return given.flatMap(({ path, text, families }) => {
    const [only] = families;
    if (families.size !== 1 || only === undefined) return [];
    const range = RANGES[path[1] as "podSubnet" | "serviceSubnet"][otherFamily(only)];
    const message = dual
      ? `${text} is ${only} alone, and the other subnet has both families: kubeadm init refuses that`
      : `${text} is ${only} alone: the cluster has one family`;
    return [
      remark("cluster-one-family", dual ? "error" : "note", path, message, `${path[1]}: ${text},${range}`),
    ];
  });
}

const RANGES = {
  podSubnet: { IPv4: "10.244.0.0/16", IPv6: "fd00:10:244::/56" },
  serviceSubnet: { IPv4: "10.96.0.0/16", IPv6: "fd00:10:96::/112" },
} as const;

function judgeKubeProxy(object: Manifest): Remark[] {
  const ranges = textsOf(object["nodePortAddresses"]);
  const cluster = typeof object["clusterCIDR"] === "string" ? object["clusterCIDR"] : "";
  return [
    ...oneFamily(
      ranges,
      ["nodePortAddresses"],
      "NodePorts are served over {only} alone",
      "add the nodes' {other} ranges, or primary",
    ),
    ...oneFamily(
      cluster.split(","),
      ["clusterCIDR"],
      "kube-proxy knows the pods' range of {only} alone and masquerades all of {other}",
      "clusterCIDR: one range of each family",
    ),
  ];
}

function judgeEnvoyProxy(object: Manifest): Remark[] {
  const path = ["spec", "ipFamily"];
  const family = at(object, path);
  if (family === "DualStack") return [];
  const message =
    family === undefined
      ? "ipFamily is missing: Envoy Gateway's listeners bind 0.0.0.0, IPv4 alone"
      : `ipFamily: ${String(family)}: Envoy Gateway's listeners hear one family`;
  const level = family === undefined ? "note" : "warning";
  return [
    remark(
      "gateway-one-family",
      level,
      family === undefined ? ["spec"] : path,
      message,
      "ipFamily: DualStack (the Service of the Envoys becomes dual-stack with it)",
    ),
  ];
}

function judgeIstioBind(object: Manifest): Remark[] {
  return ["servers", "ingress", "egress"].flatMap((field) =>
    asList(at(object, ["spec", field])).flatMap((item, index) => {
      const bind = asObject(item)["bind"];
      if (bind !== "0.0.0.0" && bind !== "::") return [];
      const path = ["spec", field, index, "bind"];
      const heard = bind === "::" ? "IPv6" : "IPv4";
      return [
        remark(
          "gateway-one-family",
          "warning",
          path,
          `bind: ${bind}: the listener hears ${heard} alone`,
          "leave bind out: with ISTIO_DUAL_STACK the listener gets both addresses",
        ),
      ];
    }),
  );
}

function judgeMetalLb(object: Manifest): Remark[] {
  const path = ["spec", "addresses"];
  return oneFamily(
    textsOf(at(object, path)),
    path,
    "Services of both families get no address of {other} from this pool",
    "add a range of {other} to the same pool",
    "pool-one-family",
  );
}

function judgeCiliumPool(object: Manifest): Remark[] {
  const path = ["spec", "blocks"];
  const ranges = asList(at(object, path)).map((block) =>
    String(asObject(block)["cidr"] ?? asObject(block)["start"]),
  );
  return oneFamily(
    ranges,
    path,
    "Services of both families get no address of {other} from this pool",
    "add a block of {other} to the same pool",
    "pool-one-family",
  );
}

function judgeGateway(object: Manifest): Remark[] {
  const path = ["spec", "addresses"];
  const addresses = asList(at(object, path)).map(asObject);
  const ips = addresses.flatMap(({ type, value }) =>
    type === "Hostname" || typeof value !== "string" ? [] : [value],
  );
  return oneFamily(
    ips,
    path,
    "the Gateway asks for an address of {only} alone",
    "add an address of {other}, or leave addresses out",
    "gateway-one-family",
  );
}

const ALB = "alb.ingress.kubernetes.io/ip-address-type";

function judgeIngress(object: Manifest): Remark[] {
  const annotations = asObject(at(object, ["metadata", "annotations"]));
  const isAlb =
    Object.keys(annotations).some((key) => key.startsWith("alb.ingress.kubernetes.io/")) ||
    at(object, ["spec", "ingressClassName"]) === "alb";
  const type = annotations[ALB];
  if (!isAlb || (type !== undefined && type !== "ipv4")) return [];
  const path = type === undefined ? ["metadata", "annotations"] : ["metadata", "annotations", ALB];
  return [
    remark(
      "balancer-one-family",
      "note",
      path,
      `${type === undefined ? `${ALB} is missing (ipv4)` : "ip-address-type: ipv4"}: clients with IPv6 only do not reach the load balancer`,
      `${ALB}: dualstack`,
    ),
  ];
}

/** A note where all ranges are of one family; `{only}` and `{other}` stand for the families. */
function oneFamily(
  ranges: readonly string[],
  path: Path,
  message: string,
  next: string,
  code: Remark["code"] = "cluster-one-family",
): Remark[] {
  const families = familiesIn(ranges.join(","));
  const [only] = families;
  if (families.size !== 1 || only === undefined) return [];
  const fill = (text: string): string =>
    text.replaceAll("{only}", only).replaceAll("{other}", otherFamily(only));
  return [remark(code, "note", path, fill(message), fill(next))];
}

/** The families of ranges, addresses and `from-to` pairs, separated by commas. */
function familiesIn(text: string): ReadonlySet<Family> {
  const parts = text.split(",").map((part) => part.trim());
  return new Set(
    parts.flatMap((part) => parseCidr(part)?.family ?? familyOfText(part.split("-")[0]?.trim() ?? "") ?? []),
  );
}

function remark(
  code: Remark["code"],
  level: Remark["level"],
  path: Path,
  message: string,
  next: string,
): Remark {
  return { code, level, path, message, next };
}
