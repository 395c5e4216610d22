/**
 * The Gateway API's objects (v1.6.3, all at v1) as they are on the wire, with the defaults of their CRDs filled in or
 * not. Only fields that some room reads or writes are named; objects carry all others untouched. Routes are in
 * `route-types.ts`.
 */
import type { Condition, KubeObject, LabelSelector } from "../types.ts";

/** The API group of the Gateway API. */
export const GATEWAY_GROUP = "gateway.networking.k8s.io";

/** A reference to one object; `group` and `kind` have defaults that depend on where it stands. */
export interface ObjectReference {
  group?: string;
  kind?: string;
  name: string;
  namespace?: string;
}

/** A parent of a route (Gateway by default, ListenerSet, Service for meshes), or an ancestor of a policy. */
export interface ParentReference extends ObjectReference {
  sectionName?: string;
  port?: number;
}

export interface GatewayClass extends KubeObject {
  spec: { controllerName: string; parametersRef?: ObjectReference; description?: string };
  status?: GatewayClassStatus;
}

export interface GatewayClassStatus {
  conditions?: Condition[];
  supportedFeatures?: { name: string }[];
}

export interface Gateway extends KubeObject {
  spec: GatewaySpec;
  status?: GatewayStatus;
}

export interface GatewaySpec {
  gatewayClassName: string;
  listeners: Listener[];
  addresses?: GatewayAddress[];
  infrastructure?: {
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    parametersRef?: ObjectReference;
  };
  allowedListeners?: { namespaces?: NamespaceChoice };
  tls?: {
    backend?: { clientCertificateRef?: ObjectReference };
    frontend?: {
      default: FrontendTls;
      perPort?: { port: number; tls: FrontendTls }[];
    };
  };
}

export interface FrontendTls {
  validation?: FrontendValidation;
}

export interface FrontendValidation {
  caCertificateRefs: ObjectReference[];
  mode?: "AllowValidOnly" | "AllowInsecureFallback";
}

/** Which namespaces: `Same` by default for routes, `None` for ListenerSets. */
export interface NamespaceChoice {
  from?: "All" | "Selector" | "Same" | "None";
  selector?: LabelSelector;
}

/** A listener of a Gateway, or an entry of a ListenerSet: the same fields. */
export interface Listener {
  name: string;
  hostname?: string;
  port: number;
  /** `HTTP`, `HTTPS`, `TLS`, `TCP`, `UDP`, or an implementation's own (with a domain prefix). */
  protocol: string;
  tls?: {
    mode?: "Terminate" | "Passthrough";
    certificateRefs?: ObjectReference[];
    options?: Record<string, string>;
  };
  allowedRoutes?: { namespaces?: NamespaceChoice; kinds?: RouteGroupKind[] };
}

export interface RouteGroupKind {
  group?: string;
  kind: string;
}

/** `type` is `IPAddress` by default; `Hostname`, `NamedAddress` or a domain-prefixed one otherwise. */
export interface GatewayAddress {
  type?: string;
  value?: string;
}

export interface GatewayStatus {
  addresses?: GatewayAddress[];
  conditions?: Condition[];
  listeners?: ListenerStatus[];
  attachedListenerSets?: number;
}

export interface ListenerStatus {
  name: string;
  supportedKinds: RouteGroupKind[];
  attachedRoutes: number;
  conditions: Condition[];
}

export interface ListenerSet extends KubeObject {
  spec: { parentRef: ObjectReference; listeners: Listener[] };
  status?: ListenerSetStatus;
}

export interface ListenerSetStatus {
  conditions?: Condition[];
  listeners?: ListenerStatus[];
}

/** Lets objects of other namespaces refer to objects of its own. */
export interface ReferenceGrant extends KubeObject {
  spec: {
    from: { group: string; kind: string; namespace: string }[];
    to: { group: string; kind: string; name?: string }[];
  };
}

export interface BackendTLSPolicy extends KubeObject {
  spec: {
    targetRefs: { group: string; kind: string; name: string; sectionName?: string }[];
    validation: {
      caCertificateRefs?: { group: string; kind: string; name: string }[];
      wellKnownCACertificates?: string;
      hostname: string;
      subjectAltNames?: { type: "Hostname" | "URI"; hostname?: string; uri?: string }[];
    };
    options?: Record<string, string>;
  };
  status?: PolicyStatus;
}

export interface PolicyStatus {
  ancestors: PolicyAncestorStatus[];
}

export interface PolicyAncestorStatus {
  ancestorRef: ParentReference;
  controllerName: string;
  conditions: Condition[];
}
