/** What policies come to for a pod: nearer ones count before wider ones, field by field. */
// not by the room's index: all of its validation, with CEL, would be in the memory of what serves proxies
import { matchesLabelSelector } from "../../objects/selectors/label-selector.ts";
import {
  type AuthorizationPolicy,
  MESH_NAMESPACE,
  type MeshPolicy,
  type MutualTlsMode,
} from "../../objects/mesh/index.ts";
import { addTo, removeFrom } from "../gateway/dependents.ts";
import { readAddress, readCidr } from "../text.ts";
import type { AuthorizationRule, Caller, Sidecar } from "./model.ts";
import { telemetryOf } from "./telemetry.ts";
import type { Workload } from "./workloads.ts";

type Policy = MeshPolicy | AuthorizationPolicy;
/** The kinds of policies. */
export type PolicyKind = "MeshPolicy" | "AuthorizationPolicy";

/** What policies say about a sidecar. */
export type SidecarPolicy = Pick<
  Sidecar,
  | "mutualTls"
  | "portMutualTls"
  | "authorization"
  | "unknownOutbound"
  | "preferClientFamily"
  | "telemetry"
  | "policies"
>;

/** All policies, found by their namespaces. */
export class PolicyBook {
  readonly #policies = new Map<string, Policy>();
  readonly #byNamespace = new Map<string, Set<string>>();

  /** Stores a policy, or takes it away. */
  set(kind: PolicyKind, key: string, policy: Policy | undefined): void {
    const id = `${kind}/${key}`;
    const place = `${kind}/${key.slice(0, key.indexOf("/"))}`;
    if (policy === undefined) {
      this.#policies.delete(id);
      removeFrom(this.#byNamespace, place, id);
    } else {
      this.#policies.set(id, policy);
      addTo(this.#byNamespace, place, id);
    }
  }

  /** All of a kind in a namespace. */
  inNamespace(kind: PolicyKind, namespace: string): readonly Policy[] {
    const ids = [...(this.#byNamespace.get(`${kind}/${namespace}`) ?? [])].sort();
    return ids.flatMap((id) => this.#policies.get(id) ?? []);
  }

  /** What holds for a pod. */
  settingsOf(workload: Workload): SidecarPolicy {
    const policies = this.#nearestFirst<MeshPolicy>("MeshPolicy", workload);
    const first = <T>(read: (spec: MeshPolicy["spec"]) => T | undefined): T | undefined => {
      for (const { spec } of policies) {
        const value = read(spec);
        if (value !== undefined) return value;
      }
      return undefined;
    };
    const telemetry = telemetryOf((read) => first((spec) => spec.telemetry && read(spec.telemetry)));
    const names = policies.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`);
    return {
      ...(names.length > 0 && { policies: names }),
      ...(telemetry && { telemetry }),
      mutualTls: modeOf(first(({ mutualTls }) => mutualTls)),
      portMutualTls: portModes(policies),
      unknownOutbound:
        first(({ unknownOutbound }) => unknownOutbound) === "Blocked" ? "blocked" : "passthrough",
      preferClientFamily: first(({ preferClientFamily }) => preferClientFamily) ?? false,
      authorization: rulesOf(this.#nearestFirst<AuthorizationPolicy>("AuthorizationPolicy", workload)),
    };
  }

  /** Those for the pod itself, then its namespace's, then the mesh's; of equal ones the oldest, then by name. */
  #nearestFirst<T extends Policy>(kind: PolicyKind, { namespace, labels }: Workload): readonly T[] {
    return [...new Set([namespace, MESH_NAMESPACE])]
      .flatMap((place) => [...(this.#byNamespace.get(`${kind}/${place}`) ?? [])])
      .flatMap((id) => (this.#policies.get(id) as T | undefined) ?? [])
      .filter(({ spec }) => isWide(spec.selector) || matchesLabelSelector(spec.selector, labels))
      .map((policy) => ({ policy, order: orderOf(policy, namespace) }))
      .sort((one, other) => (one.order < other.order ? -1 : 1))
      .map(({ policy }) => policy);
  }
}

function isWide(selector: Policy["spec"]["selector"]): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length === 0;
}

/** Text that sorts as policies count. */
function orderOf({ metadata, spec }: Policy, namespace: string): string {
  const own = metadata.namespace === namespace && namespace !== MESH_NAMESPACE;
  const rank = (own ? 0 : 2) + (isWide(spec.selector) ? 1 : 0);
  return `${rank} ${metadata.creationTimestamp ?? ""} ${metadata.name}`;
}

function modeOf(mode: MutualTlsMode | undefined): Sidecar["mutualTls"] {
  return mode === "Strict" ? "strict" : mode === "Disabled" ? "disabled" : "permissive";
}

function portModes(policies: readonly MeshPolicy[]): Sidecar["portMutualTls"] {
  const modes: Record<number, Sidecar["mutualTls"]> = {};
  for (const { spec } of policies)
    for (const { port, mutualTls } of spec.ports ?? []) modes[port] ??= modeOf(mutualTls);
  return modes;
}

function rulesOf(policies: readonly AuthorizationPolicy[]): readonly AuthorizationRule[] {
  const rules = policies.flatMap(rulesOfPolicy);
  return [
    ...rules.filter(({ action }) => action === "deny"),
    ...rules.filter(({ action }) => action === "allow"),
  ];
}

function rulesOfPolicy({ metadata, spec }: AuthorizationPolicy): readonly AuthorizationRule[] {
  const key = `${metadata.namespace ?? ""}/${metadata.name}`;
  const action = spec.action === "Deny" ? "deny" : "allow";
  const origin = { kind: "AuthorizationPolicy", key };
  const rules = spec.rules ?? [];
  // an allow policy without rules turns everybody away: the rule is there and nobody matches
  if (rules.length === 0)
    return action === "deny" ? [] : [{ name: `${key}/nobody`, action, from: [NOBODY], to: [], origin }];
  return rules.map(({ from = [], to = [] }, index) => ({
    name: `${key}/rule/${index}`,
    action,
    from: from.map((caller) => callerOf(caller, action)),
    to,
    origin: { ...origin, part: `rules[${index}]` },
  }));
}

/** Those that come from neither family. */
const NOBODY: Caller = { notCidrs: ["0.0.0.0/0", "::/0"] };

type From = NonNullable<NonNullable<AuthorizationPolicy["spec"]["rules"]>[number]["from"]>[number];

/**
 * What cannot be read never lets more callers in: of those who are allowed it is left out, and so is an exception from
 * those who are denied; where it says who is denied, or who is not allowed, it may be anybody.
 */
function callerOf({ identities, namespaces, cidrs, notCidrs }: From, action: "allow" | "deny"): Caller {
  const ranges = cidrs?.flatMap(cidrTextOf);
  const others = notCidrs?.flatMap(cidrTextOf);
  const allRead = (texts: readonly string[] | undefined, read: readonly string[] | undefined) =>
    texts?.length === read?.length;
  if ([identities, namespaces, cidrs].some((list) => list?.length === 0)) return NOBODY;
  if (action === "allow" && (ranges?.length === 0 || !allRead(notCidrs, others))) return NOBODY;
  return {
    ...(identities && { identities: identities.map(identityOf) }),
    ...(namespaces && { namespaces }),
    ...(ranges && (action === "allow" || allRead(cidrs, ranges)) && { cidrs: ranges }),
    ...(others?.length && { notCidrs: others }),
  };
}

/** The SPIFFE ID, or its pattern, that a text of a policy means: people may leave out the scheme, as in Istio. */
export function identityOf(text: string): string {
  return text.startsWith("spiffe://") || text.startsWith("*") ? text : `spiffe://${text}`;
}

/** A range as it is counted, one address as a range; nothing where it is neither. */
export function cidrTextOf(text: string): string | readonly [] {
  const address = text.includes("/") ? undefined : readAddress(text);
  const whole = address && `${address.text}/${address.family === "IPv4" ? 32 : 128}`;
  return readCidr(whole ?? text)?.text ?? [];
}
