/**
 * Applications that speak xDS themselves. All are told the same: the cluster's Services, never certificates or policies.
 * A client is one of a pod that was injected for that; it shows so by the address that it comes from, or by a certificate
 * of an account of the pod's namespace (gRPC's client for Node has no certificates towards xDS servers).
 */
import { type Account, GRPC_MODE, SIDECAR_LABEL } from "../../controllers/mesh/index.ts";
import type { ObjectChange } from "../../client/index.ts";
import type { Peer } from "../../envoy/ads/index.ts";
import { canonicalAddress } from "../../ip/address.ts";
import type { Pod } from "../../objects/types.ts";
import { accountOfIdentity } from "../../traffic/mesh/index.ts";

/** What all of them are told under; no pod is called that. */
export const GRPC_CLIENTS = "grpc clients";

const PREFIX = "grpc~";

/** What {@link GrpcClients} works with. */
export interface GrpcClientsOptions {
  readonly trustDomain: string;
  /** Called for the account of each such pod. */
  readonly want: (account: Account) => void;
}

/** Pods with such applications, kept up to date by changes of pods. */
export class GrpcClients {
  readonly #options: GrpcClientsOptions;
  /** Addresses by `namespace/pod`. */
  readonly #pods = new Map<string, ReadonlySet<string>>();

  constructor(options: GrpcClientsOptions) {
    this.#options = options;
  }

  /** Takes in a pod. */
  onPod({ type, object }: ObjectChange<Pod>): void {
    const { metadata, spec, status } = object;
    if (metadata.labels?.[SIDECAR_LABEL] !== GRPC_MODE) return;
    const namespace = metadata.namespace ?? "";
    const key = `${namespace}/${metadata.name}`;
    const isOver = status?.phase === "Succeeded" || status?.phase === "Failed";
    if (type === "deleted" || isOver) {
      this.#pods.delete(key);
      return;
    }
    this.#pods.set(key, new Set((status?.podIPs ?? []).map(({ ip }) => canonicalAddress(ip) ?? ip)));
    this.#options.want({ namespace, account: spec.serviceAccountName || "default" });
  }

  /** Whether a node calls itself such a client. */
  isClient(nodeId: string): boolean {
    return nodeId.startsWith(PREFIX);
  }

  /** Whether it may be who it says. */
  isAllowed({ nodeId, address, names, open }: Peer): boolean {
    const pod = nodeId.slice(PREFIX.length);
    const addresses = this.#pods.get(pod);
    if (addresses === undefined) return false;
    if (open) return address !== undefined && addresses.has(canonicalAddress(address) ?? address);
    const identity = names.find((name) => name.startsWith("URI:"))?.slice(4) ?? "";
    const account = accountOfIdentity(this.#options.trustDomain, identity);
    return account !== undefined && pod.startsWith(`${account.namespace}/`);
  }
}
