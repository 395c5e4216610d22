/** BackendTLSPolicy: how a Service's port is spoken to over TLS, which policy counts, and what its status says. */
import type { BackendTLSPolicy } from "../../../objects/gateway/index.ts";
import type { ServicePort } from "../../../objects/types.ts";
import type { TrustBundle } from "../model.ts";
import { oldest } from "../oldest.ts";
import { type CaReference, readAuthorities, SYSTEM_TRUST } from "./authorities.ts";
import type { ConditionPart, RecordingReferences, TranslatedBackendTls } from "./types.ts";

const RESOLVED: ConditionPart = {
  status: "True",
  reason: "ResolvedRefs",
  message: "All references are resolved",
};

/** What a policy says, apart from whether another one comes before it. */
export function translateValidation(
  policy: BackendTLSPolicy,
  references: RecordingReferences,
): TranslatedBackendTls {
  const { caCertificateRefs = [], wellKnownCACertificates = "" } = policy.spec.validation;
  if (caCertificateRefs.length === 0) return translateWellKnown(policy, wellKnownCACertificates);
  const { namespace = "", name } = policy.metadata;
  const { texts, problems } = readAuthorities(caCertificateRefs satisfies CaReference[], {
    namespace,
    field: "spec.validation.caCertificateRefs",
    references,
  });
  const [first] = problems;
  const message = problems.map((problem) => problem.message).join("; ");
  const resolvedRefs: ConditionPart = first ? { status: "False", reason: first.reason, message } : RESOLVED;
  if (texts.length === 0) return { accepted: no("NoValidCACertificate", message), resolvedRefs };
  return {
    accepted: accepted(),
    resolvedRefs,
    tls: tlsOf(policy, {
      name: `backendtlspolicy/${namespace}/${name}`,
      certificates: texts.join("\n"),
      origins: [{ kind: "BackendTLSPolicy", key: `${namespace}/${name}` }],
    }),
  };
}

function translateWellKnown(policy: BackendTLSPolicy, wellKnown: string): TranslatedBackendTls {
  if (wellKnown === "System")
    return { accepted: accepted(), resolvedRefs: RESOLVED, tls: tlsOf(policy, SYSTEM_TRUST) };
  const why =
    wellKnown === ""
      ? "spec.validation needs caCertificateRefs or wellKnownCACertificates"
      : `spec.validation.wellKnownCACertificates: ${JSON.stringify(wellKnown)} is not known; write System`;
  return { accepted: no("Invalid", why), resolvedRefs: RESOLVED };
}

function tlsOf({ spec }: BackendTLSPolicy, trust: TrustBundle): NonNullable<TranslatedBackendTls["tls"]> {
  const names = (spec.validation.subjectAltNames ?? []).map(({ type, hostname, uri }) =>
    type === "URI"
      ? { kind: "uri" as const, value: uri ?? "" }
      : { kind: "dns" as const, value: hostname ?? "" },
  );
  return {
    serverName: spec.validation.hostname,
    trust,
    ...(names.length > 0 && { subjectAltNames: names }),
  };
}

/**
 * A policy's conditions on every ancestor: Conflicted where it comes second on all of its targets (older first, then by
 * name), else those of {@link translateValidation}. Records its lookups in the references.
 */
export function translateBackendTlsPolicy(
  policy: BackendTLSPolicy,
  references: RecordingReferences,
): Pick<TranslatedBackendTls, "accepted" | "resolvedRefs"> {
  const { accepted: verdict, resolvedRefs } = translateValidation(policy, references);
  const lost = policy.spec.targetRefs.flatMap((target) => {
    const winner = oldest(rivalsOf(policy, target, references));
    return winner === undefined || winner === policy || keyOf(winner) === keyOf(policy)
      ? []
      : [{ target, winner }];
  });
  if (lost.length === 0) return { accepted: verdict, resolvedRefs };
  const message = lost
    .map(
      ({ target, winner }) => `${targetText(target)} has the older BackendTLSPolicy ${winner.metadata.name}`,
    )
    .join("; ");
  if (lost.length === policy.spec.targetRefs.length)
    return { accepted: no("Conflicted", message), resolvedRefs };
  return { accepted: { ...verdict, message: `${verdict.message}; ${message}` }, resolvedRefs };
}

type Target = BackendTLSPolicy["spec"]["targetRefs"][number];

function targetText({ kind, name, sectionName }: Target): string {
  return `${kind} ${name}${sectionName ? ` (port ${sectionName})` : ""}`;
}

function rivalsOf(
  policy: BackendTLSPolicy,
  target: Target,
  references: RecordingReferences,
): BackendTLSPolicy[] {
  const service = `${policy.metadata.namespace ?? ""}/${target.name}`;
  return references
    .backendTlsPoliciesFor(service)
    .filter(({ spec }) =>
      spec.targetRefs.some(
        (other) => isService(other) && other.name === target.name && sectionOf(other) === sectionOf(target),
      ),
    );
}

function isService({ group, kind }: Target): boolean {
  return group === "" && kind === "Service";
}

const sectionOf = (target: Target) => target.sectionName ?? "";
const keyOf = ({ metadata }: BackendTLSPolicy) => `${metadata.namespace ?? ""}/${metadata.name}`;

/** The policy in force for a port of a Service: one that names the port before one for all, the oldest of several. */
export function policyForPort(
  serviceKey: string,
  port: ServicePort,
  references: RecordingReferences,
): BackendTLSPolicy | undefined {
  const name = serviceKey.slice(serviceKey.indexOf("/") + 1);
  const policies = references.backendTlsPoliciesFor(serviceKey);
  const targeting = (section: string) =>
    policies.filter(({ spec }) =>
      spec.targetRefs.some(
        (target) => isService(target) && target.name === name && sectionOf(target) === section,
      ),
    );
  const named = port.name ? oldest(targeting(port.name)) : undefined;
  return named ?? oldest(targeting(""));
}

function accepted(): ConditionPart {
  return { status: "True", reason: "Accepted", message: "The policy is in force" };
}

function no(reason: string, message: string): ConditionPart {
  return { status: "False", reason, message };
}
