import type { Family } from "../../ip/family.ts";
import { familyOfText } from "../../ip/address.ts";
import type { Pod } from "../../objects/types.ts";
import type { ClusterPlan } from "../plan.ts";

/** The limits of a resolver, of which the rest is left out (pkg/kubelet/network/dns). */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_LINE = 2048;
/** Of the kernel (HOST_NAME_MAX). */
const MAX_HOSTNAME = 64;

/**
 * The pod's /etc/resolv.conf: kube-dns over the families that the pod has, the pod's primary one first. Policies as
 * in Kubernetes; `Default` (the node's resolver) is the lab's own DNS server, which asks the host's resolvers on.
 */
export function resolvConf(pod: Pod, families: readonly Family[], plan: ClusterPlan): string {
  const { nameservers, searches, options } = fitted(resolverOf(pod, families, plan));
  return [
    ...(searches.length > 0 ? [`search ${searches.join(" ")}`] : []),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
    "",
  ].join("\n");
}

/** What a pod's resolver leaves out for its limits: messages of events with the reason DNSConfigForming. */
export function dnsWarnings(pod: Pod, families: readonly Family[], plan: ClusterPlan): string[] {
  const asked = resolverOf(pod, families, plan);
  const { nameservers, searches } = fitted(asked);
  const omitted = (what: string, ones: string, line: string, words: readonly string[]) =>
    `${what} limits were exceeded, some ${ones} have been omitted, the applied ${line} line is: ${words.join(" ")}`;
  return [
    ...(nameservers.length < asked.nameservers.length
      ? [omitted("Nameserver", "nameservers", "nameserver", nameservers)]
      : []),
    ...(searches.length < asked.searches.length
      ? [omitted("Search Line", "search paths", "search", searches)]
      : []),
  ];
}

function fitted({ nameservers, searches, options }: Resolver): Resolver {
  const fits = (count: number) => searches.slice(0, count).join(" ").length <= MAX_SEARCH_LINE;
  let count = Math.min(searches.length, MAX_SEARCHES);
  while (!fits(count)) count--;
  return { nameservers: nameservers.slice(0, MAX_NAMESERVERS), searches: searches.slice(0, count), options };
}

function resolverOf(pod: Pod, families: readonly Family[], plan: ClusterPlan): Resolver {
  const own = pod.spec.dnsConfig ?? {};
  const base = baseOf(pod, families, plan);
  const nameservers = [...new Set([...base.nameservers, ...(own.nameservers ?? [])])];
  const searches = [...new Set([...base.searches, ...(own.searches ?? [])])];
  const options = new Map(base.options.map((name) => [name.split(":")[0] as string, name]));
  for (const { name, value } of own.options ?? []) options.set(name, value ? `${name}:${value}` : name);
  return { nameservers, searches, options: [...options.values()] };
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
  if (pod.spec.hostnameOverride) return { short: pod.spec.hostnameOverride };
  const short = (pod.spec.hostname || pod.metadata.name).slice(0, 63).replace(/[-.]+$/, "");
  if (!pod.spec.subdomain) return { short };
  return { short, full: `${short}.${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${plan.domain}` };
}

/**
 * What `hostname` says in a pod: its node's name in the node's network, its full name with setHostnameAsFQDN (KEP-1797).
 * @throws Error when that is longer than the kernel's
 */
export function kernelHostname(pod: Pod, plan: ClusterPlan): string {
  if (pod.spec.hostNetwork) return pod.spec.nodeName ?? "";
  const { short, full } = hostNames(pod, plan);
  if (!pod.spec.setHostnameAsFQDN || full === undefined) return short;
  if (full.length <= MAX_HOSTNAME) return full;
  throw new Error(
    `failed to construct FQDN from Pod hostname and cluster domain, FQDN ${full} is too long ` +
      `(${MAX_HOSTNAME} characters is the max, ${full.length} characters requested)`,
  );
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
