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

/** A GatewayClass: whose controller serves the Gateways that name it. */
export interface GatewayClass extends KubeObject {
  spec: { controllerName: string; parametersRef?: ObjectReference; description?: string };
  status?: GatewayClassStatus;
}

/** What is told of a GatewayClass. */
export interface GatewayClassStatus {
  conditions?: Condition[];
  supportedFeatures?: { name: string }[];
}

/** A Gateway. */
export interface Gateway extends KubeObject {
  spec: GatewaySpec;
  status?: GatewayStatus;
}

/** What a Gateway asks for: class, listeners, addresses, infrastructure, TLS. */
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

/** What clients of HTTPS listeners have to show. */
export interface FrontendTls {
  validation?: FrontendValidation;
}

/** Which certificates of clients are taken. */
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

/** A kind of routes; the group is the Gateway API's own by default. */
export interface RouteGroupKind {
  group?: string;
  kind: string;
}

/** `type` is `IPAddress` by default; `Hostname`, `NamedAddress` or a domain-prefixed one otherwise. */
export interface GatewayAddress {
  type?: string;
  value?: string;
}

/** What is told of a Gateway. */
export interface GatewayStatus {
  addresses?: GatewayAddress[];
  conditions?: Condition[];
  listeners?: ListenerStatus[];
  attachedListenerSets?: number;
}

/** What is told of one listener. */
export interface ListenerStatus {
  name: string;
  supportedKinds: RouteGroupKind[];
  attachedRoutes: number;
  conditions: Condition[];
}

/** A ListenerSet: further listeners of a Gateway, with an owner of their own. */
export interface ListenerSet extends KubeObject {
  spec: { parentRef: ObjectReference; listeners: Listener[] };
  status?: ListenerSetStatus;
}

/** What is told of a ListenerSet. */
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

/** A BackendTLSPolicy: how backends are spoken to by TLS. */
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

/** What is told of a policy, by ancestor. */
export interface PolicyStatus {
  ancestors: PolicyAncestorStatus[];
}

/** What one controller tells of a policy in one place (GEP-713). */
export interface PolicyAncestorStatus {
  ancestorRef: ParentReference;
  controllerName: string;
  conditions: Condition[];
}
