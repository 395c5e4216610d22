/** A service that is asked who may come in (`extAuth` of a SecurityPolicy), put into the policy that names it. Pure. */
import type { BackendRef } from "../../../objects/gateway/index.ts";
import type { Authorizer } from "../policy-model.ts";
import { resolveBackendRef } from "../routes/backend-ref.ts";
import type { Needs, RecordingReferences } from "../routes/types.ts";
import type { CompiledPolicy } from "./compile.ts";
import { referrer } from "./referrer.ts";
import type { PolicyObject } from "./types.ts";

const FIELD = "spec.extAuth.http.backendRefs[0]";

/** What a policy says of the service: all but where it is. */
export interface AuthorizerSettings extends Omit<Authorizer, "destination"> {
  readonly backend: BackendRef;
}

/** A policy with the destination that it asks. */
export interface WithAuthorizer {
  readonly compiled: CompiledPolicy;
  readonly needs?: Needs;
  /** Differs whenever the destination does; empty where none is asked. */
  readonly id: string;
}

/** The policy with its authorizer's destination; a reference that leads nowhere is a problem of the policy. */
export function withAuthorizer(
  policy: PolicyObject,
  compiled: CompiledPolicy,
  references: RecordingReferences,
): WithAuthorizer {
  if (compiled.authorizer === undefined) return { compiled, id: "" };
  const { backend, ...settings } = compiled.authorizer;
  const route = referrer(policy, references);
  if (backend.namespace !== undefined && backend.namespace !== route.namespace)
    return refused([`${FIELD}.namespace: it is not the policy's own`]);
  const use = { route, field: FIELD, speak: "http", needs: route.needs } as const;
  const destination = resolveBackendRef(backend, use);
  if (destination === undefined) return refused(route.badReferences.map(({ message }) => message));
  const authorizer: Authorizer = { ...settings, destination };
  return {
    compiled: { ...compiled, route: { ...compiled.route, authorizer } },
    needs: route.needs,
    id: ` ${JSON.stringify([...route.needs.destinations, ...route.needs.trust])}`,
  };
}

function refused(problems: readonly string[]): WithAuthorizer {
  return { compiled: { problems, notes: [] }, id: ` ${problems.join()}` };
}
