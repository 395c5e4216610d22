/** What a component's flags say about families: ranges and addresses of Services, pods and nodes. */
import type { Family } from "../../ip/family.ts";
import { DEFAULT_SERVICE_RANGE } from "./apiserver.ts";
import { allocatesRanges } from "./controller-manager.ts";
import { formatGoIP, formatGoNet, goFamily, goNetFamily, parseCIDRSloppy } from "./go-net.ts";
import { isWildcard, nodeIps } from "./kubelet.ts";
import { lastValue, type ParsedFlags } from "./pflag.ts";
import { localMode } from "./proxy.ts";
import type { Component } from "./verdict.ts";

/** One flag that decides about families. */
export interface Setting {
  readonly flag: string;
  readonly about: "services" | "pods" | "nodes";
  /** The families in the flag's order, the first being the primary one. */
  readonly families: readonly Family[];
  /** The ranges or addresses in canonical form. */
  readonly items: readonly string[];
  /** Whether the flag is absent and this is what the component takes then. */
  readonly byDefault?: boolean;
}

/** The settings that a component's accepted flags make. */
export function settingsOf(component: Component, flags: ParsedFlags): Setting[] {
  switch (component) {
    case "kube-apiserver": {
      const text = lastValue(flags, "service-cluster-ip-range");
      return [ranges("--service-cluster-ip-range", "services", text || DEFAULT_SERVICE_RANGE, !text)];
    }
    case "kube-controller-manager":
      return controllerManagerSettings(flags);
    case "kube-proxy": {
      const text = lastValue(flags, "cluster-cidr");
      const counts = !lastValue(flags, "config") && localMode(flags) === "ClusterCIDR" && text !== undefined;
      return counts ? [ranges("--cluster-cidr", "pods", text)] : [];
    }
    case "kubelet": {
      const ips = nodeIps(flags);
      if (ips.length === 0) return [];
      const items = ips.map((ip) => (isWildcard(ip) ? `${formatGoIP(ip)} (the host's own)` : formatGoIP(ip)));
      return [{ flag: "--node-ip", about: "nodes", families: ips.map(goFamily), items }];
    }
  }
}

function controllerManagerSettings(flags: ParsedFlags): Setting[] {
  if (!allocatesRanges(flags)) return [];
  const settings = [ranges("--cluster-cidr", "pods", (lastValue(flags, "cluster-cidr") ?? "").trim())];
  const services = lastValue(flags, "service-cluster-ip-range");
  if (services?.trim()) settings.push(ranges("--service-cluster-ip-range", "services", services));
  return settings;
}

function ranges(flag: string, about: Setting["about"], text: string, byDefault = false): Setting {
  const nets = text
    .split(",")
    .map(parseCIDRSloppy)
    .filter((net) => net !== undefined);
  const setting = { flag, about, families: nets.map(goNetFamily), items: nets.map(formatGoNet) };
  return byDefault ? { ...setting, byDefault } : setting;
}
