/** Policies attached to Gateways, routes and Services (GEP-713): what goes in and what comes out. */
import type { PolicyStatus } from "../../../objects/gateway/index.ts";
import type { KubeObject } from "../../../objects/types.ts";
import type { ClientPolicy } from "../policy-model.ts";
import type { ConditionPart, LookupKey, References, TranslatedRoute } from "../routes/types.ts";
import type { ServerTls } from "../model.ts";

/** The kinds of policies (`tandem.dev/v1alpha1`). */
export const POLICY_KINDS = ["ClientTrafficPolicy", "BackendTrafficPolicy", "SecurityPolicy"] as const;

/** One of {@link POLICY_KINDS}. */
export type PolicyKind = (typeof POLICY_KINDS)[number];

/** What a policy is attached to, in its own namespace; a section is a listener, a rule or a port. */
export interface PolicyTargetRef {
  group: string;
  kind: string;
  name: string;
  sectionName?: string;
}

/** Any policy. Fields keep the names that they have in Envoy Gateway where they mean the same. */
export interface PolicyObject extends KubeObject {
  spec: { targetRefs: PolicyTargetRef[] };
  status?: PolicyStatus;
}

/** An object that policies can be attached to: `Gateway/ns/name`, `HTTPRoute/ns/name`, `Service/ns/name`. */
export type TargetKey = string;

/** Finds policies. */
export interface PolicyReferences {
  /** All policies, of all kinds, with a targetRef to an object (of any section), in any order. */
  policiesFor(target: TargetKey): readonly PolicyObject[];
  /** What policies refer to. */
  readonly objects: References;
}

/** A listener, as the place where policies of its owners are in force. */
export interface PolicySite {
  /** `namespace/name`. */
  readonly gateway: string;
  /** Whose listener it is: `Gateway/ns/name` or `ListenerSet/ns/name`. */
  readonly owner: TargetKey;
  /** The listener's name. */
  readonly listener: string;
}

/** What was asked for: `Policies/` and a {@link TargetKey}, redo when a policy with such a targetRef changes; or an object. */
export type PolicyLookup = LookupKey;

/** A route with the policies that are in force for it on one listener. */
export interface PoliciedRoute {
  /** The same object where there are none; equal arguments give equal parts by identity. */
  readonly route: TranslatedRoute;
  readonly lookups: ReadonlySet<PolicyLookup>;
}

/** What ClientTrafficPolicies say about a listener. */
export interface ClientSettings {
  readonly policy?: ClientPolicy;
  /** Overrides parts of the TLS that the listener ends. */
  readonly tls?: Pick<ServerTls, "alpn" | "minVersion" | "maxVersion" | "ciphers">;
  readonly lookups: ReadonlySet<PolicyLookup>;
}

/** What a policy's status depends on besides the policies. */
export interface PolicySurroundings extends PolicyReferences {
  /** The sections of an object: listeners, named rules, named ports. Undefined: there is no such object. */
  sections(target: TargetKey): readonly string[] | undefined;
  /** All policies of a kind. */
  policiesOf(kind: PolicyKind): Iterable<PolicyObject>;
  /** Whether a route is attached to a Gateway or ListenerSet (`HTTPRoute/ns/name`, `Gateway/ns/name`). */
  isUnder(route: TargetKey, target: TargetKey): boolean;
}

/** A condition of a policy, the same for all its ancestors. */
export interface PolicyFact extends ConditionPart {
  readonly type: "Accepted" | "Overridden";
}

/**
 * The conditions of a policy, and what they depend on; besides, Overridden depends on policies of the same kind on routes
 * under the policy's targets.
 */
export interface PolicyVerdict {
  readonly facts: readonly PolicyFact[];
  readonly lookups: ReadonlySet<PolicyLookup>;
}
