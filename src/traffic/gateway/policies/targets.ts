/** What policies can be attached to. */
import { GATEWAY_GROUP, TANDEM_GROUP } from "../../../objects/gateway/index.ts";
import type { PolicyKind, PolicyObject, PolicyTargetRef, TargetKey } from "./types.ts";

const HTTP_ROUTES = ["HTTPRoute", "GRPCRoute"];
const GATEWAYS = ["Gateway", "ListenerSet"];
const KINDS: Readonly<Record<PolicyKind, readonly string[]>> = {
  ClientTrafficPolicy: GATEWAYS,
  BackendTrafficPolicy: [
    ...GATEWAYS,
    ...HTTP_ROUTES,
    "TLSRoute",
    "TCPRoute",
    "UDPRoute",
    "Service",
    "Backend",
  ],
  SecurityPolicy: [...GATEWAYS, ...HTTP_ROUTES],
};

/** The kind of a target, or undefined when its group has no such kind that policies know. */
export function kindOfTarget({ group, kind }: PolicyTargetRef): string | undefined {
  const home = kind === "Service" ? "" : kind === "Backend" ? TANDEM_GROUP : GATEWAY_GROUP;
  return group === home ? kind : undefined;
}

/** Whether a kind of policy can be attached to a target. */
export function isKnownTarget(policy: PolicyKind, target: PolicyTargetRef): boolean {
  const kind = kindOfTarget(target);
  return kind !== undefined && KINDS[policy].includes(kind);
}

/** The target as a key: it is in the policy's own namespace. */
export function targetKey(policy: PolicyObject, target: PolicyTargetRef): TargetKey {
  return `${target.kind}/${policy.metadata.namespace ?? ""}/${target.name}`;
}

/** All that a policy is attached to: for an index of policies by target. */
export function targetKeysOf(policy: PolicyObject): readonly TargetKey[] {
  return [...new Set(policy.spec.targetRefs.map((target) => targetKey(policy, target)))];
}

/** The targets of a policy that are one object, or one section of it. */
export function targetsAt(
  policy: PolicyObject,
  key: TargetKey,
  section: string | undefined,
): PolicyTargetRef[] {
  return policy.spec.targetRefs.filter(
    (target) =>
      kindOfTarget(target) !== undefined &&
      targetKey(policy, target) === key &&
      (target.sectionName || undefined) === (section || undefined),
  );
}
