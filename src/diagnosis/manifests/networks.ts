/** Settings of networks and ingress controllers in ConfigMaps: Calico, Cilium, flannel, ingress-nginx. Pure. */
import { asObject, type Code, type Path, type Remark } from "./model.ts";

const KEYS: Readonly<Record<string, { value: RegExp; message: string; next: string }>> = {
  "enable-ipv6": { value: /^false$/i, message: "Cilium gives pods no IPv6", next: 'enable-ipv6: "true"' },
  "enable-ipv4": { value: /^false$/i, message: "Cilium gives pods no IPv4", next: 'enable-ipv4: "true"' },
  "disable-ipv6": {
    value: /^true$/i,
    message: "ingress-nginx listens over IPv4 alone",
    next: 'disable-ipv6: "false"',
  },
  "disable-ipv6-dns": {
    value: /^true$/i,
    message: "ingress-nginx asks for no AAAA",
    next: 'disable-ipv6-dns: "false"',
  },
};

/** Judges one key of a ConfigMap. */
export function judgeNetworks(key: string, value: string, path: Path): Remark[] {
  const known = KEYS[key];
  if (known?.value.test(value.trim()))
    return [remark("ipv6-off", path, `${key}: ${known.message}`, known.next)];
  if (!/^\s*\{/.test(value)) return [];
  const config = parse(value);
  const backend = asObject(config["Backend"]);
  if (config["Network"] !== undefined && typeof backend["Type"] === "string" && config["EnableIPv6"] !== true)
    return [
      remark(
        "cluster-one-family",
        path,
        "flannel gives pods IPv4 alone: EnableIPv6 is not set",
        'add "EnableIPv6": true and "IPv6Network" with the pods\' IPv6 range',
      ),
    ];
  return /"assign_ipv4"\s*:\s*"?true/.test(value) && !/"assign_ipv6"\s*:\s*"?true/.test(value)
    ? [
        remark(
          "cluster-one-family",
          path,
          "Calico gives pods IPv4 alone: assign_ipv6 is not set",
          '"assign_ipv6": "true" beside assign_ipv4',
        ),
      ]
    : [];
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

function remark(code: Code, path: Path, message: string, next: string): Remark {
  return { code, level: "warning", path, message, next };
}
