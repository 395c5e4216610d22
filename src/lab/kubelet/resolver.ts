import type { Family } from "../../ip/family.ts";
import { familyOfText } from "../../ip/address.ts";
import type { Pod } from "../../objects/types.ts";
import type { ClusterPlan } from "../plan.ts";

const MAX_NAMESERVERS = 3;

/**
 * The pod's /etc/resolv.conf: kube-dns over the families that the pod has, the pod's primary one first. Policies as
 * in Kubernetes; `Default` (the node's resolver) is the lab's own DNS server, which asks the host's resolvers on.
 */
export function resolvConf(pod: Pod, families: readonly Family[], plan: ClusterPlan): string {
  const own = pod.spec.dnsConfig ?? {};
  const base = baseOf(pod, families, plan);
  const nameservers = [...new Set([...base.nameservers, ...(own.nameservers ?? [])])].slice(
    0,
    MAX_NAMESERVERS,
  );
  const searches = [...new Set([...base.searches, ...(own.searches ?? [])])];
  const options = new Map(base.options.map((name) => [name.split(":")[0] as string, name]));
  for (const { name, value } of own.options ?? [])
    options.set(name, value === undefined ? name : `${name}:${value}`);
  return [
    ...(searches.length > 0 ? [`search ${searches.join(" ")}`] : []),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.size > 0 ? [`options ${[...options.values()].join(" ")}`] : []),
    "",
  ].join("\n");
}

interface Resolver {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

function baseOf(pod: Pod, families: readonly Family[], plan: ClusterPlan): Resolver {
  const policy = pod.spec.dnsPolicy ?? "ClusterFirst";
  if (policy === "None") return { nameservers: [], searches: [], options: [] };
  if (policy === "Default" || (policy === "ClusterFirst" && pod.spec.hostNetwork)) {
    const nameservers = families
      .map((family) => plan.fabric[family])
      .filter((address) => address !== undefined);
    return { nameservers, searches: [], options: [] };
  }
  const byFamily = (family: Family) => plan.dnsAddresses.find((address) => familyOfText(address) === family);
  return {
    nameservers: families.map(byFamily).filter((address) => address !== undefined),
    searches: [`${pod.metadata.namespace}.svc.${plan.domain}`, `svc.${plan.domain}`, plan.domain],
    options: ["ndots:5"],
  };
}

/** The host name of a pod, and its full one where it has a subdomain. */
export function hostNames(pod: Pod, plan: ClusterPlan): { short: string; full?: string } {
  const short = (pod.spec.hostname || pod.metadata.name).slice(0, 63).replace(/[-.]+$/, "");
  if (!pod.spec.subdomain) return { short };
  return { short, full: `${short}.${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${plan.domain}` };
}

/** The pod's /etc/hosts, in the kubelet's words: loopback of both families, every address of the pod, and its aliases. */
export function hostsFile(pod: Pod, podIPs: readonly string[], plan: ClusterPlan): string {
  const { short, full } = hostNames(pod, plan);
  const lines = [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::\tip6-localnet",
    "fe00::\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
    ...podIPs.map((ip) => `${ip}\t${full === undefined ? "" : `${full}\t`}${short}`),
  ];
  const aliases = (pod.spec.hostAliases ?? []).map(
    ({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join("\t")}`,
  );
  if (aliases.length > 0) lines.push("", "# Entries added by HostAliases.", ...aliases);
  return `${lines.join("\n")}\n`;
}
