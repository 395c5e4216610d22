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
  /** How long clients wait for what is known of their pod, in milliseconds; default: 10 s. */
  readonly patience?: number;
}

/** More clients than these do not wait: whoever reaches the port may say to be one. */
const MOST_WAITING = 1_000;

/** Pods with such applications, kept up to date by changes of pods. */
export class GrpcClients {
  readonly #options: GrpcClientsOptions;
  /** Addresses by `namespace/pod`. */
  readonly #pods = new Map<string, ReadonlySet<string>>();
  /** Of clients whose pods are not known yet: has each look again. */
  readonly #waiting = new Set<() => void>();

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
    for (const look of [...this.#waiting]) look();
  }

  /** Whether a node calls itself such a client. */
  isClient(nodeId: string): boolean {
    return nodeId.startsWith(PREFIX);
  }

  /**
   * What a client gets once it may be who it says, undefined where it may not. An application may be quicker than what
   * is told of its pod's addresses: it waits, where it would be denied else and fail its callers.
   */
  whenAllowed(peer: Peer, get: () => string | undefined): string | undefined | Promise<string | undefined> {
    const allowed = this.#isAllowed(peer);
    if (allowed !== undefined) return allowed ? get() : undefined;
    if (this.#waiting.size >= MOST_WAITING) return undefined;
    return new Promise((resolve) => {
      const end = (isAllowed: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(isAllowed ? get() : undefined);
      };
      const look = () => {
        const now = this.#isAllowed(peer);
        if (now !== undefined) end(now);
      };
      const timer = setTimeout(() => end(false), this.#options.patience ?? 10_000).unref();
      this.#waiting.add(look);
    });
  }

  /** Whether it may be who it says; undefined where its pod, or the pod's addresses, are not known yet. */
  #isAllowed({ nodeId, address, names, open }: Peer): boolean | undefined {
    const pod = nodeId.slice(PREFIX.length);
    const addresses = this.#pods.get(pod);
    if (addresses === undefined) return undefined;
    if (open) {
      if (addresses.size === 0) return undefined;
      return address !== undefined && addresses.has(canonicalAddress(address) ?? address);
    }
    const identity = names.find((name) => name.startsWith("URI:"))?.slice(4) ?? "";
    const account = accountOfIdentity(this.#options.trustDomain, identity);
    return account !== undefined && pod.startsWith(`${account.namespace}/`);
  }
}
