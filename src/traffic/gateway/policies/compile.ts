/** What a policy says, read once: parts of the policy model, or why it is not in force. */
import type { Family } from "../../../ip/family.ts";
import type { ClientPolicy, DestinationPolicy, RoutePolicy } from "../policy-model.ts";
import { compileBackendTraffic } from "./backend-traffic.ts";
import { compileClientTraffic } from "./client-traffic.ts";
import type { ApiKeySettings } from "./api-keys.ts";
import type { AuthorizerSettings } from "./authorizer.ts";
import type { BackendTrafficPolicy, ClientTrafficPolicy, SecurityPolicy } from "./objects.ts";
import type { PolicyReader } from "./reader.ts";
import { compileSecurity } from "./security.ts";
import { isKnownTarget, kindOfTarget } from "./targets.ts";

import type { TokenSettings } from "./token-settings.ts";
import type { ClientSettings, PolicyKind, PolicyObject } from "./types.ts";

/** A policy, read. */
export interface CompiledPolicy {
  /** `field: reason`; with one the policy is not in force, and has no parts. */
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  readonly client?: ClientPolicy | undefined;
  readonly tls?: ClientSettings["tls"] | undefined;
  readonly route?: RoutePolicy | undefined;
  /** Milliseconds for a request, where the route does not say. */
  readonly requestTimeout?: number | undefined;
  readonly destination?: DestinationPolicy | undefined;
  readonly preferFamily?: Family | undefined;
  /** The Secret, in the policy's namespace, with the users that may come in. */
  readonly usersFrom?: string | undefined;
  readonly authorizer?: AuthorizerSettings | undefined;
  readonly apiKeys?: ApiKeySettings | undefined;
  readonly tokens?: TokenSettings | undefined;
}

/** What one kind of policy compiles to. */
export type CompiledParts = Omit<CompiledPolicy, "problems" | "notes">;

const compiled = new WeakMap<PolicyObject, CompiledPolicy>();

/** Reads a policy. Objects never change, so each is read once. */
export function compilePolicy(policy: PolicyObject): CompiledPolicy {
  const before = compiled.get(policy);
  if (before !== undefined) return before;
  const reader: PolicyReader = { problems: [], notes: [] };
  checkTargets(policy, reader);
  const parts = partsOf(policy, reader);
  const result = reader.problems.length === 0 ? { ...parts, ...reader } : reader;
  compiled.set(policy, result);
  return result;
}

function partsOf(policy: PolicyObject, reader: PolicyReader): CompiledParts {
  switch (policy.kind as PolicyKind) {
    case "ClientTrafficPolicy":
      return compileClientTraffic((policy as ClientTrafficPolicy).spec, reader);
    case "BackendTrafficPolicy":
      return compileBackendTraffic((policy as BackendTrafficPolicy).spec, reader);
    case "SecurityPolicy":
      return compileSecurity((policy as SecurityPolicy).spec, keyOf(policy), reader);
  }
}

function keyOf({ metadata }: PolicyObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

function checkTargets(policy: PolicyObject, reader: PolicyReader): void {
  const kind = policy.kind as PolicyKind;
  for (const [index, target] of policy.spec.targetRefs.entries()) {
    const field = `spec.targetRefs[${index}]`;
    if (!isKnownTarget(kind, target))
      reader.problems.push(
        `${field}: a ${kind} cannot be attached to ${target.kind} of ${target.group || "the core group"}`,
      );
    else if (isBackend(kindOfTarget(target)))
      for (const name of ROUTE_FIELDS)
        if (name in policy.spec)
          reader.problems.push(
            `spec.${name}: is about requests, so it is for Gateways and routes, not for ${field} (a ${target.kind})`,
          );
  }
}

/** Fields of a BackendTrafficPolicy that are in force before a backend is chosen. */
const ROUTE_FIELDS = ["retry", "rateLimit", "sessionPersistence"];

function isBackend(kind: string | undefined): boolean {
  return kind === "Service" || kind === "Backend";
}
