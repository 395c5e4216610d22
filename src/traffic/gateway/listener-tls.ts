/** What a listener needs to end TLS: certificates, options, and authorities that clients' certificates come from. */
import type { FrontendValidation, Gateway, Listener, ObjectReference } from "../../objects/gateway/index.ts";
import { caBundleOf, keyPairOf } from "./certificates.ts";
import { type Fact, fails } from "./conditions.ts";
import { tlsOptions } from "./tls-options.ts";
import type { Certificate, Origin, ServerTls, TrustBundle } from "./model.ts";
import { GATEWAY_GROUP, type GrantFrom, type RecordingReferences } from "./references.ts";

/** The object that holds a reference, as ReferenceGrants name it. */
export type Holder = Omit<GrantFrom, "group">;

/** A listener's side of TLS, and what is wrong with it. */
export interface ListenerTls {
  readonly tls?: ServerTls;
  readonly certificates: readonly Certificate[];
  readonly trust: readonly TrustBundle[];
  /** When each certificate is valid: Envoy shows one that has ended, too, and only clients notice. */
  readonly validity?: string;
  /** Of type ResolvedRefs. */
  readonly unresolved?: Fact;
  /** Of type Accepted. */
  readonly notAccepted?: Fact;
}

/** Of a reference to a Secret of type kubernetes.io/tls: the certificate, or the reason and message of a condition. */
export type SecretCertificate =
  | { readonly certificate: Certificate; readonly validity: string; readonly reason?: undefined }
  | { readonly reason: string; readonly message: string };

/** Resolves a reference to a Secret; `invalid` is the reason for anything but a missing grant. */
export function certificateFor(
  reference: ObjectReference,
  holder: Holder,
  references: RecordingReferences,
  invalid: string,
  origin: Origin,
): SecretCertificate {
  const { group = "", kind = "Secret", name, namespace = holder.namespace } = reference;
  if (group !== "" || kind !== "Secret")
    return {
      reason: invalid,
      message: `${kind}${group && `.${group}`} ${name} is not supported: name a Secret`,
    };
  const key = `${namespace}/${name}`;
  const from = { ...holder, group: GATEWAY_GROUP };
  if (!references.granted(from, { group, kind, namespace, name }))
    return {
      reason: "RefNotPermitted",
      message: `no ReferenceGrant in ${namespace} lets ${holder.kind}s of ${holder.namespace} use Secret ${name}`,
    };
  const secret = references.secret(key);
  if (secret === undefined) return { reason: invalid, message: `there is no Secret ${key}` };
  const pair = keyPairOf(secret);
  if (pair.problem !== undefined) return { reason: invalid, message: `Secret ${key} ${pair.problem}` };
  const { certificate, privateKey, validity } = pair;
  return {
    certificate: { name: `secret/${key}`, certificate, privateKey, origins: [origin] },
    validity: `Secret ${key} is ${validity}`,
  };
}

/** Resolves all that a listener which ends TLS refers to. */
export function listenerTls(
  listener: Listener,
  holder: Holder,
  gateway: Gateway,
  references: RecordingReferences,
  origin: Origin,
): ListenerTls {
  const refs = listener.tls?.certificateRefs ?? [];
  const results = refs.map((ref) => certificateFor(ref, holder, references, "InvalidCertificateRef", origin));
  const certificates = results.flatMap((result) => (result.reason === undefined ? [result.certificate] : []));
  const validity = results.flatMap((result) => (result.reason === undefined ? [result.validity] : []));
  const bad = results.find((result) => result.reason !== undefined);
  const none =
    refs.length === 0 ? { reason: "InvalidCertificateRef", message: "tls.certificateRefs is empty" } : bad;
  const validation = validationFor(gateway, listener);
  const clients = validation && clientTrust(validation, gateway, references, origin);
  const unresolved =
    none?.reason === undefined ? clients?.unresolved : fails("ResolvedRefs", none.reason, none.message);
  const options = tlsOptions(listener.tls?.options ?? {});
  const notAccepted =
    clients?.notAccepted ??
    (options.problem === undefined ? undefined : fails("Accepted", "UnsupportedValue", options.problem));
  const faults = {
    ...(unresolved === undefined ? {} : { unresolved }),
    ...(notAccepted === undefined ? {} : { notAccepted }),
  };
  const trust = clients?.trust === undefined ? [] : [clients.trust];
  if (certificates.length === 0 || notAccepted !== undefined)
    return { certificates: [], trust: [], ...faults };
  const clientTls =
    clients?.trust === undefined
      ? {}
      : {
          clientTrust: clients.trust.name,
          ...(validation?.mode === "AllowInsecureFallback" ? { clientCertificateOptional: true } : {}),
        };
  const tls = { certificates: certificates.map(({ name }) => name), ...options.tls, ...clientTls };
  return { tls, certificates, trust, validity: validity.join("; "), ...faults };
}

/** The validation of clients' certificates for a listener: of its port, or the default (HTTPS only, GEP-91). */
function validationFor({ spec }: Gateway, { port, protocol }: Listener): FrontendValidation | undefined {
  if (protocol !== "HTTPS") return undefined;
  const frontend = spec.tls?.frontend;
  const own = frontend?.perPort?.find((entry) => entry.port === port);
  return own === undefined ? frontend?.default?.validation : own.tls.validation;
}

interface ClientTrust {
  readonly trust?: TrustBundle;
  readonly unresolved?: Fact;
  readonly notAccepted?: Fact;
}

/** Bundles the CAs that resolve; a listener whose CAs all fail is not accepted, so that it never trusts nobody or all. */
function clientTrust(
  { caCertificateRefs }: FrontendValidation,
  gateway: Gateway,
  references: RecordingReferences,
  origin: Origin,
): ClientTrust {
  const holder = { kind: "Gateway", namespace: gateway.metadata.namespace ?? "" };
  const results = caCertificateRefs.map((reference) => caCertificates(reference, holder, references));
  const texts = results.flatMap((result) => (result.reason === undefined ? [result] : []));
  const bad = results.find((result) => result.reason !== undefined);
  const unresolved =
    bad?.reason === undefined ? {} : { unresolved: fails("ResolvedRefs", bad.reason, bad.message) };
  if (texts.length === 0) {
    const message = bad?.reason === undefined ? "no CA certificate is named" : bad.message;
    return { ...unresolved, notAccepted: fails("Accepted", "NoValidCACertificate", message) };
  }
  const name = `ca/${texts.map(({ key }) => key).join("+")}`;
  const certificates = texts.map((text) => text.certificates).join("\n");
  return { ...unresolved, trust: { name, certificates, origins: [origin] } };
}

type CaResult =
  | { readonly key: string; readonly certificates: string; readonly reason?: undefined }
  | { readonly reason: string; readonly message: string };

function caCertificates(
  reference: ObjectReference,
  holder: Holder,
  references: RecordingReferences,
): CaResult {
  const { group = "", kind = "", name, namespace = holder.namespace } = reference;
  if (group !== "" || (kind !== "ConfigMap" && kind !== "Secret"))
    return {
      reason: "InvalidCACertificateKind",
      message: `CA certificates come from ConfigMaps and Secrets, not from ${kind} ${name}`,
    };
  const from = { ...holder, group: GATEWAY_GROUP };
  if (!references.granted(from, { group, kind, namespace, name }))
    return {
      reason: "RefNotPermitted",
      message: `no ReferenceGrant in ${namespace} lets Gateways of ${holder.namespace} use ${kind} ${name}`,
    };
  const key = `${namespace}/${name}`;
  const object = kind === "ConfigMap" ? references.configMap(key) : references.secret(key);
  const reason = "InvalidCACertificateRef";
  if (object === undefined) return { reason, message: `there is no ${kind} ${key}` };
  const bundle = caBundleOf({ ...object, kind });
  if (bundle.problem !== undefined) return { reason, message: `${kind} ${key} ${bundle.problem}` };
  return { key: `${kind.toLowerCase()}/${key}`, certificates: bundle.certificates };
}
