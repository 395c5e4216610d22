import type { Command } from "commander";

/** What a file of a command exports: its definition, with flags, help and action. */
export interface CommandModule {
  define(): Command;
}

interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
  /** Hidden commands are Tandem's own processes; users do not call them. */
  readonly hidden?: boolean;
}

/** Every command of `tandem`, one file each, in the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "up",
    summary: "Bring up a dual-stack cluster, apply manifests and prove every Service",
    load: () => import("./up.ts"),
  },
  { name: "down", summary: "Take the cluster down, leaving nothing behind", load: () => import("./down.ts") },
  {
    name: "status",
    summary: "Show what runs of the cluster, what is down, and what to do next",
    load: () => import("./status.ts"),
  },
  {
    name: "matrix",
    summary: "Probe every Service over every family and print the table",
    load: () => import("./matrix.ts"),
  },
  {
    name: "lab",
    summary: "Work inside the running cluster: exec, break, mend, faults, run",
    load: () => import("./lab.ts"),
  },
  {
    name: "check",
    summary: "Find what is served over one family alone: in manifests, Envoys, component flags, Shoots",
    load: () => import("./check.ts"),
  },
  {
    name: "kubeconfig",
    summary: "Make a kubeconfig for a user that may do less",
    load: () => import("./kubeconfig.ts"),
  },
  { name: "apiserver", summary: "Run the API server alone", load: () => import("./apiserver.ts") },
  {
    name: "controllers",
    summary: "Run the controllers alone against any API server",
    load: () => import("./controllers.ts"),
  },
  { name: "dns", summary: "Run the DNS server alone", load: () => import("./dns.ts") },
  {
    name: "proxy",
    summary: "Run the kernel part alone on a node, in the place of kube-proxy",
    load: () => import("./proxy.ts"),
  },
  {
    name: "gateway",
    summary: "Run the Gateway controller and its xDS server alone against any API server",
    load: () => import("./gateway.ts"),
  },
  {
    name: "mesh",
    summary: "Run the mesh alone against any API server: sidecars, identities, xDS",
    load: () => import("./mesh.ts"),
  },
  {
    name: "balancer",
    summary: "Serve Services of type LoadBalancer by AWS or by local balancers; plan, find orphans",
    load: () => import("./balancer.ts"),
  },
  {
    name: "proxy-config",
    alias: "pc",
    summary: "Show what an Envoy really has: listeners, clusters, endpoints, routes, secrets",
    load: () => import("./proxy-config.ts"),
  },
  {
    name: "proxy-status",
    alias: "ps",
    summary: "Show of each Envoy whether all that it was sent is in force",
    load: () => import("./proxy-status.ts"),
  },
  { name: "internal", summary: "Tandem's own processes", hidden: true, load: () => import("./internal.ts") },
];
