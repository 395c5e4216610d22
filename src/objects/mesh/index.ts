/** The kinds that a mesh is told its rules by (`tandem.dev/v1alpha1`; their definitions are data/crds/tandem-mesh.json). */
import { TANDEM_GROUP } from "../gateway/parameters.ts";
import type { Kind } from "../kinds.ts";
import type { Condition, KubeObject } from "../types.ts";

/** How pods are told: by labels; without any, all of the namespace (of `tandem-system`: all of the mesh). */
export interface PodChoice {
  matchLabels?: Record<string, string>;
}

/** Whether a sidecar takes connections without mutual TLS: those too, none of them, or only such. */
export type MutualTlsMode = "Permissive" | "Strict" | "Disabled";

/** What holds for the sidecars of some pods. What it leaves out is said by a wider one. */
export interface MeshPolicy extends KubeObject {
  spec: {
    selector?: PodChoice;
    mutualTls?: MutualTlsMode;
    /** Exceptions of ports of the application. */
    ports?: { port: number; mutualTls: MutualTlsMode }[];
    unknownOutbound?: "Passthrough" | "Blocked";
    preferClientFamily?: boolean;
    telemetry?: TelemetrySpec;
  };
  status?: MeshPolicyStatus;
}

/** What sidecars tell of traffic; each field is said by a wider policy where it is left out. */
export interface TelemetrySpec {
  accessLog?: "None" | "Failures" | "All";
  metrics?: boolean;
  tracing?: { endpoint?: string; protocol?: "GRPC" | "HTTP"; samplingPercent?: number };
}

/** Who may ask for what. With no rules, `Allow` allows nobody. */
export interface AuthorizationPolicy extends KubeObject {
  spec: {
    selector?: PodChoice;
    action?: "Allow" | "Deny";
    rules?: {
      from?: {
        identities?: string[];
        namespaces?: string[];
        cidrs?: string[];
        notCidrs?: string[];
      }[];
      to?: { ports?: number[]; methods?: string[]; paths?: string[]; hosts?: string[] }[];
    }[];
  };
  status?: MeshPolicyStatus;
}

/** What is told of a policy of the mesh. */
export interface MeshPolicyStatus {
  conditions?: Condition[];
}

/** Where what holds for the whole mesh is said. */
export const MESH_NAMESPACE = "tandem-system";

/** The kinds, as KubeClient and informers want them. */
export const MESH_KINDS = {
  MeshPolicy: mesh("MeshPolicy", "meshpolicies"),
  AuthorizationPolicy: mesh("AuthorizationPolicy", "authorizationpolicies"),
} satisfies Record<string, Kind>;

function mesh(kind: string, plural: string): Kind {
  return {
    group: TANDEM_GROUP,
    version: "v1alpha1",
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    subresources: ["status"],
  };
}
