/**
 * What the translation of ONE route takes and gives. A route is translated once, however many Gateways it is attached
 * to: what depends on the parent (attachment, hostnames, the listener's port) is added by whoever assembles proxies.
 */
import type { Family } from "../../../ip/family.ts";
import type { BackendTLSPolicy, ReferenceGrant } from "../../../objects/gateway/index.ts";
import type { ConfigMap, KubeObject, Secret, Service } from "../../../objects/types.ts";
import type { Certificate, Destination, Forward, RouteRule, TrustBundle } from "../model.ts";
import type { TokenPolicy } from "../policy-model.ts";

/** One route, translated. Parts are plain data that never change once made. */
export interface TranslatedRoute {
  /** `HTTPRoute/namespace/name`. */
  readonly key: string;
  readonly kind: RouteKind;
  /** As the route says; empty: those of the listener. UDPRoute and TCPRoute have none. */
  readonly hostnames: readonly string[];
  /** For HTTPRoute and GRPCRoute; sort with `compareRules`, put in force with `ruleOnListener`. */
  readonly rules: readonly TranslatedRule[];
  /** For TLSRoute, TCPRoute and UDPRoute, unless the route is not accepted. */
  readonly stream?: TranslatedStream;
  /** All that the rules name. Streams carry their own. */
  readonly needs: Needs;
  readonly conditions: RouteProblems;
  /** What was asked for, found or not (see {@link LookupKey}): the route is to be redone when one of them changes. */
  readonly lookups: ReadonlySet<LookupKey>;
  /** Keys (`namespace/name`) of BackendTLSPolicies in force for backends: their ancestors are the route's Gateways. */
  readonly backendTlsPolicies: ReadonlySet<string>;
}

/** The kinds of routes. */
export type RouteKind = "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" | "UDPRoute";

/** One match of one rule, with what its place among the rules of all routes depends on. */
export interface TranslatedRule {
  readonly rule: RouteRule;
  /** Compared item by item, larger first (HTTPRoute `matches`, GRPCRoute `matches`). */
  readonly precedence: readonly number[];
  /** Ties: the older route (RFC 3339), then `namespace/name`, then the place in the route. */
  readonly createdAt: string;
  readonly routeKey: string;
  readonly position: number;
}

/** Where a stream goes: a TLSRoute's differs where the listener ends TLS and a BackendTLSPolicy makes it new. */
export interface TranslatedStream {
  readonly passthrough: StreamForward;
  readonly terminated: StreamForward;
}

/** Where connections of a stream route go, and what that needs. */
export interface StreamForward {
  readonly forward: Forward;
  readonly needs: Needs;
}

/** What rules and forwards name: entries of the proxy's maps, equal under equal keys over all routes. */
export interface Needs {
  readonly destinations: ReadonlyMap<string, Destination>;
  readonly certificates: ReadonlyMap<string, Certificate>;
  readonly trust: ReadonlyMap<string, TrustBundle>;
  /** Undefined: none. Only policies bring some. */
  readonly tokens?: ReadonlyMap<string, TokenPolicy>;
}

/**
 * The parts of a route's conditions that do not depend on the parent. A route that is attached gets Accepted False
 * where `notAccepted` is there; rules that can be served are in `rules` all the same unless all are bad.
 */
export interface RouteProblems {
  readonly resolvedRefs: ConditionPart;
  /** Reason UnsupportedValue or IncompatibleFilters. */
  readonly notAccepted?: Omit<ConditionPart, "status">;
  /** Some rules were dropped: condition PartiallyInvalid True. */
  readonly partiallyInvalid?: Omit<ConditionPart, "status">;
}

/** A condition without its type and times. */
export interface ConditionPart {
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

/**
 * Names what a translation depends on: `Service/ns/name`, `Secret/ns/name`, `ConfigMap/ns/name`, `Backend/ns/name`,
 * `ReferenceGrant/ns` (any grant in there), `BackendTLSPolicy/ns/service` (any policy that targets the Service).
 */
export type LookupKey = string;

/** Objects that a route may refer to. Keys are `namespace/name`. */
export interface References {
  /** The families of the proxies' hosts; undefined: both. */
  readonly families?: readonly Family[];
  service(key: string): Service | undefined;
  secret(key: string): Secret | undefined;
  configMap(key: string): ConfigMap | undefined;
  backend(key: string): BackendObject | undefined;
  /** All ReferenceGrants in a namespace. */
  grantsIn(namespace: string): readonly ReferenceGrant[];
  /** All BackendTLSPolicies with a targetRef to the Service, in any order. */
  backendTlsPoliciesFor(serviceKey: string): readonly BackendTLSPolicy[];
}

/** Lookups that remember what was asked for. */
export interface RecordingReferences extends References {
  readonly lookups: ReadonlySet<LookupKey>;
  /** Whether a reference over namespaces is allowed; always true inside one (GEP-709). */
  granted(from: GrantFrom, to: GrantTo): boolean;
}

/** Objects that refer: those of a kind in a namespace. */
export interface GrantFrom {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** The object that they refer to. */
export interface GrantTo extends GrantFrom {
  readonly name: string;
}

/** Hosts written down in an object (`tandem.dev/v1alpha1` Backend). */
export interface BackendObject extends KubeObject {
  spec: {
    endpoints: { addresses?: string[]; fqdn?: string; port: number; zone?: string }[];
    appProtocols?: string[];
    tls?: {
      hostname: string;
      caCertificateRefs?: { group?: string; kind: string; name: string }[];
      wellKnownCACertificates?: string;
    };
  };
}

/** What a BackendTLSPolicy comes to, wherever it is attached. */
export interface TranslatedBackendTls {
  readonly accepted: ConditionPart;
  readonly resolvedRefs: ConditionPart;
  /** How to speak to the backend; undefined: it must not be spoken to at all (requests get a 5xx). */
  readonly tls?: {
    readonly serverName: string;
    readonly trust: TrustBundle;
    readonly subjectAltNames?: readonly { readonly kind: "dns" | "uri"; readonly value: string }[];
  };
}
