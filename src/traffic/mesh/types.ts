/** What goes into the mesh model and what comes out of it. */
import type { Family } from "../../ip/family.ts";
import type { BackendTLSPolicy, GRPCRoute, HTTPRoute, ReferenceGrant } from "../../objects/gateway/index.ts";
import type { RouteStatus } from "../../objects/gateway/index.ts";
import type { AuthorizationPolicy, MeshPolicy } from "../../objects/mesh/index.ts";
import type { ConfigMap, KubeObject, Pod, Service } from "../../objects/types.ts";
import type { Destination, TrustBundle } from "../gateway/model.ts";
import type { BackendObject } from "../gateway/routes/types.ts";
import type { ObjectChange, TrafficModel } from "../tracker.ts";
import type { MeshModel, MeshService, Sidecar } from "./model.ts";
import type { PolicyStatusWish } from "./policy-status.ts";
import type { Later } from "./turnover.ts";

/** How the model is made. */
export interface MeshModelOptions {
  /** Where Services are; it must be told of changes of Services and slices before this model is. */
  readonly traffic: TrafficModel;
  /** In identities: `cluster.local`. */
  readonly trustDomain: string;
  readonly clusterDomain: string;
  /** The families that pods of the cluster have; by default both. */
  readonly clusterFamilies?: readonly Family[];
  /** Of the parents in routes' statuses that are ours: `tandem.dev/mesh-controller`. */
  readonly controllerName: string;
  /** The time for conditions, RFC 3339 in seconds. */
  readonly now: () => string;
  /** For changes to and from `Disabled` in steps (turnover.ts); without it they happen at once. */
  readonly later?: Later;
}

/** The kinds that the model takes in. */
export interface MeshIntakeKinds {
  Pod: Pod;
  /** For its zone. */
  Node: KubeObject;
  Service: Service;
  Namespace: KubeObject;
  HTTPRoute: HTTPRoute;
  GRPCRoute: GRPCRoute;
  ReferenceGrant: ReferenceGrant;
  BackendTLSPolicy: BackendTLSPolicy;
  ConfigMap: ConfigMap;
  Backend: BackendObject;
  MeshPolicy: MeshPolicy;
  AuthorizationPolicy: AuthorizationPolicy;
}

/** A kind that the model takes in. */
export type MeshIntakeKind = keyof MeshIntakeKinds;

/** What became different since the last time; by key, undefined: it is gone. */
export interface MeshChanges {
  readonly sidecars: ReadonlyMap<string, Sidecar | undefined>;
  readonly services: ReadonlyMap<string, MeshService | undefined>;
  readonly destinations: ReadonlyMap<string, Destination | undefined>;
  readonly trust: ReadonlyMap<string, TrustBundle | undefined>;
  /** Pods (`namespace/name`) for which {@link MeshModel.peerOf} gives another answer. */
  readonly peers: ReadonlySet<string>;
  /** Of routes with a Service as a parent, and of policies, by `HTTPRoute/namespace/name`. */
  readonly statuses: ReadonlyMap<string, MeshStatus>;
}

/** The status that an object is to have. */
export type MeshStatus = MeshRouteStatus | PolicyStatusWish;

/** The status that a route is to have. */
export interface MeshRouteStatus {
  readonly kind: "HTTPRoute" | "GRPCRoute";
  /** `namespace/name`. */
  readonly key: string;
  readonly status: RouteStatus;
}

/** A mesh, kept up to date by single changes of objects. */
export interface IncrementalMeshModel extends MeshModel {
  /** Takes a change in. Nothing is computed before {@link IncrementalMeshModel.flush}, so a burst costs one computation. */
  on<K extends MeshIntakeKind>(kind: K, change: ObjectChange<MeshIntakeKinds[K]>): void;
  /**
   * Takes in what a sidecar's proxy refuses now: its messages by the objects that it comes from, as
   * `MeshPolicy/namespace/name`. Statuses of policies tell it. A route of which it is `sure` is withheld from all
   * sidecars until it says something else, or nobody refuses it any more: what it said before is in force meanwhile,
   * and a table without it goes to sidecars that start.
   */
  setRefused(sidecar: string, messages: ReadonlyMap<string, string>, sure?: ReadonlySet<string>): void;
  /** Whether a route, `HTTPRoute/namespace/name`, is withheld. */
  isWithheld(route: string): boolean;
  /** Computes what the changes since the last time came to. Call it only once all objects are known after a start. */
  flush(): MeshChanges;
  /** Calls the listener when there is something to flush after there was nothing; the result ends that. */
  onDirty(listener: () => void): () => void;
}
