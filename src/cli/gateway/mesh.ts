/**
 * Gateways in the mesh, where one runs in the same cluster: which pods take mutual TLS, and who the proxy of each Gateway
 * is towards them. The mesh's authority is the Secret that `tandem mesh` makes; while there is none, or no pod has a
 * sidecar, nothing of this is in any proxy.
 */
import type { KubeClient, ObjectChange } from "../../client/index.ts";
import { infrastructureName } from "../../controllers/gateway/index.ts";
import {
  type Account,
  Identities,
  MESH_AUTHORITY,
  type MeshAuthority,
  SIDECAR_LABEL,
} from "../../controllers/mesh/index.ts";
import type { MeshPeers } from "../../envoy/desired/index.ts";
import type { Gateway } from "../../objects/gateway/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import { MESH_KINDS, MESH_NAMESPACE, type MeshPolicy } from "../../objects/mesh/index.ts";
import type { KubeObject, Pod, Secret } from "../../objects/types.ts";
import { createPeerModel, type PeerModel, workloadIdentity } from "../../traffic/mesh/index.ts";
import { authorityIn } from "../mesh/authority.ts";
import { podTrimmer } from "../mesh/kinds.ts";
import { allOrLate } from "../xds/all-or-late.ts";
import { later } from "../xds/later.ts";
import { type Sources, startSources } from "../xds/sources.ts";

/** What is followed, and in whose name. */
export interface GatewayMeshOptions {
  readonly client: KubeClient;
  /** That of the mesh: the cluster's domain. */
  readonly trustDomain: string;
  /** Told of pods with sidecars, and of the families over which their applications answer. */
  readonly onPod?: (change: ObjectChange<Pod>) => void;
  readonly log: (line: string) => void;
}

const AUTHORITY = `${MESH_NAMESPACE}/${MESH_AUTHORITY}`;
const NOT_IN_MESH = "Gateways are not in the mesh, or show what they have of the authority before";
/** Without knowing pods and policies of the mesh, Gateways are served after so many milliseconds. */
const LATE = 5_000;

/** What Gateways know of the mesh. Bounded by the Gateways, and the pods with sidecars. */
export class GatewayMesh implements MeshPeers {
  readonly #options: GatewayMeshOptions;
  readonly #peers: PeerModel;
  /** Who Gateways are, by their keys. */
  readonly #accounts = new Map<string, Account>();
  /** Those that have asked for their certificates. */
  readonly #wanted = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #renewed = new Set<string>();
  #identities: Identities | undefined;
  /** Whether pods and policies are known. */
  #knows = false;

  constructor(options: GatewayMeshOptions) {
    this.#options = options;
    this.#peers = createPeerModel(options.trustDomain, later);
    this.#peers.onDirty(() => this.#knows && this.#tell());
  }

  /** Takes a Gateway in: its proxy is who its ServiceAccount is, `spiffe://DOMAIN/ns/NAMESPACE/sa/GATEWAY-CLASS`. */
  onGateway({ type, object }: ObjectChange<Gateway>): void {
    const key = objectKey(object);
    const { name, namespace = "default" } = object.metadata;
    const account = infrastructureName(name, object.spec.gatewayClassName);
    const before = this.#accounts.get(key);
    if (type !== "deleted" && before?.account === account) return;
    if (before !== undefined && this.#wanted.delete(key)) this.#identities?.forget(before);
    this.#accounts.delete(key);
    if (type === "deleted") return;
    this.#accounts.set(key, { namespace, account });
    if (before !== undefined) this.#renew(key);
  }

  /**
   * Begins to follow the authority, among what Gateways are made from, and pods and policies by itself: what cannot be
   * read of these keeps Gateways out of the mesh, and nothing else. Resolves when all is known, or after five seconds.
   */
  async start(sources: Sources, signal: AbortSignal): Promise<void> {
    const secret = sources.get(KINDS.Secret, AUTHORITY);
    if (secret !== undefined) this.#onAuthority(secret, signal);
    sources.onAny((kind, { type, object }) => {
      const isIt = kind.kind === KINDS.Secret.kind && objectKey(object) === AUTHORITY;
      // one that is taken away is put back by the mesh: what it signed is good meanwhile
      if (isIt && type !== "deleted") this.#onAuthority(object, signal);
    });
    const known = this.#follow(signal).then(
      () => {
        this.#knows = true;
        this.#tell();
      },
      (error: unknown) => signal.aborted || this.#onError(error),
    );
    await allOrLate([known], LATE);
  }

  identityAt(pod: string, port: number): string | undefined {
    return this.#knows ? this.#peers.identityAt(pod, port) : undefined;
  }

  /** The first to ask has it made; what is made is told by {@link takeChanges}. */
  identityOf(proxy: string): ReturnType<Identities["get"]> {
    const account = this.#accounts.get(proxy);
    if (account === undefined || this.#identities === undefined) return undefined;
    if (!this.#wanted.has(proxy)) {
      this.#wanted.add(proxy);
      this.#identities.want(account);
    }
    return this.#identities.get(account);
  }

  /** Whether a Gateway's certificate is on its way. */
  isIssuing(proxy: string): boolean {
    return this.#wanted.has(proxy) && this.identityOf(proxy) === undefined;
  }

  /** What became different since the last time: pods that are met in another way, Gateways that show something else. */
  takeChanges(): { readonly pods: ReadonlySet<string>; readonly renewed: ReadonlySet<string> } {
    const renewed = this.#renewed;
    this.#renewed = new Set();
    return { pods: this.#knows ? this.#peers.takeChanges() : new Set(), renewed };
  }

  /** Calls the listener when there is something to take; the result ends that. */
  onDirty(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { client, onPod } = this.#options;
    const onError = (error: unknown): void => this.#onError(error);
    const pods = {
      kind: KINDS.Pod,
      intake: (change: ObjectChange<KubeObject>) => {
        this.#peers.on("Pod", change as ObjectChange<Pod>);
        onPod?.(change as ObjectChange<Pod>);
      },
      transform: podTrimmer(),
      withStatus: true,
      labelSelector: SIDECAR_LABEL,
    };
    const onPolicy = (change: ObjectChange<KubeObject>): void =>
      this.#peers.on("MeshPolicy", change as ObjectChange<MeshPolicy>);
    const kinds = [pods, { kind: MESH_KINDS.MeshPolicy, intake: onPolicy }];
    await startSources({ client, kinds, onError }, signal);
  }

  #onError(error: unknown): void {
    this.#options.log(`the mesh, as Gateways see it: ${(error as Error).message}`);
  }

  #onAuthority(secret: KubeObject, signal: AbortSignal): void {
    const authority = authorityIn(secret as Secret, NOT_IN_MESH, this.#options.log);
    if (authority === undefined) return;
    this.#identities?.setAuthority(authority);
    this.#identities ??= this.#begin(authority, signal);
  }

  #begin(authority: MeshAuthority, signal: AbortSignal): Identities {
    const { client, trustDomain, log } = this.#options;
    const identities = new Identities({
      client,
      authority,
      identityOf: ({ namespace, account }) => workloadIdentity(trustDomain, namespace, account),
      onChange: (account) => this.#onIssued(account),
      log,
    });
    identities.start(signal);
    for (const key of this.#accounts.keys()) this.#renew(key);
    return identities;
  }

  #onIssued({ namespace, account }: Account): void {
    for (const key of this.#wanted) {
      const own = this.#accounts.get(key);
      if (own?.namespace === namespace && own.account === account) this.#renew(key);
    }
  }

  #renew(key: string): void {
    this.#renewed.add(key);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
