import { type FieldError, forbidden, invalid, required, tooLong } from "../field-errors.ts";
import { immutable } from "../metadata/validate-metadata.ts";
import { sameJson } from "../patch/json-value.ts";
import { asErrors, qualifiedNameProblems } from "../service/formats.ts";
import type { ConfigMap, Lease, Namespace, Secret } from "../types.ts";

// Checks of the smaller kinds (pkg/apis/core/validation/validation.go, pkg/apis/coordination/validation).

const MAX_DATA = 1024 * 1024;
const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;
const CONFIG_KEY_TEXT =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  " +
  "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const FROZEN = "field is immutable when `immutable` is set";

/** Checks a Namespace: its finalizers. */
export function validateNamespace({ spec }: Namespace): FieldError[] {
  return (spec?.finalizers ?? []).flatMap((name) =>
    asErrors("spec.finalizers", name, qualifiedNameProblems(name)),
  );
}

/** Checks a Namespace's new status: it says whether the Namespace is being deleted. */
export function validateNamespaceStatus({ metadata, status }: Namespace): FieldError[] {
  const phase = status?.phase ?? "";
  const wanted = metadata.deletionTimestamp === undefined ? "Active" : "Terminating";
  if (phase === wanted) return [];
  const state = wanted === "Active" ? "empty" : "not empty";
  return [invalid("status.Phase", phase, `may only be '${wanted}' if \`deletionTimestamp\` is ${state}`)];
}

/** Checks a ConfigMap: keys, and all of it not above 1 MiB. */
export function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...keyErrors("data", key));
    if (Object.hasOwn(binaryData, key)) {
      errors.push(invalid(`data[${key}]`, key, "duplicate of key present in binaryData"));
    }
    size += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...keyErrors("binaryData", key));
    size += Buffer.byteLength(value, "base64");
  }
  return size > MAX_DATA ? [...errors, tooLong("[]", MAX_DATA)] : errors;
}

function keyErrors(field: string, key: string): FieldError[] {
  const problems = key.length > 253 ? ["must be no more than 253 characters"] : [];
  if (!CONFIG_KEY.test(key)) problems.push(CONFIG_KEY_TEXT);
  if (key === "." || key === "..") problems.push(`must not be '${key}'`);
  else if (key.startsWith("..")) problems.push("must not start with '..'");
  return asErrors(`${field}[${key}]`, key, problems);
}

interface Freezable {
  readonly immutable?: boolean;
}

function checkFrozen(next: Freezable, stored: Freezable, fields: readonly string[]): FieldError[] {
  if (stored.immutable !== true) return [];
  const errors = next.immutable === true ? [] : [forbidden("immutable", FROZEN)];
  for (const field of fields) {
    const before = (stored as Record<string, unknown>)[field] ?? {};
    const after = (next as Record<string, unknown>)[field] ?? {};
    if (!sameJson(before, after)) errors.push(forbidden(field, FROZEN));
  }
  return errors;
}

/** Checks a ConfigMap that is to replace a stored one. */
export function validateConfigMapUpdate(next: ConfigMap, stored: ConfigMap): FieldError[] {
  return [...checkFrozen(next, stored, ["data", "binaryData"]), ...validateConfigMap(next)];
}

const NEEDED_KEYS: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};

/** Checks a Secret: keys, size, and what its type asks for. */
export function validateSecret(secret: Secret): FieldError[] {
  const { data = {}, type = "" } = secret;
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...keyErrors("data", key));
    size += Buffer.byteLength(value, "base64");
  }
  if (size > MAX_DATA) errors.push(tooLong("data", MAX_DATA));
  return [...errors, ...checkSecretType(secret, type, data)];
}

function checkSecretType(secret: Secret, type: string, data: Readonly<Record<string, string>>): FieldError[] {
  const account = "kubernetes.io/service-account.name";
  if (type === "kubernetes.io/service-account-token" && !secret.metadata.annotations?.[account]) {
    return [required(`metadata.annotations[${account}]`)];
  }
  if (type === "kubernetes.io/basic-auth" && data.username === undefined && data.password === undefined) {
    return ["username", "password"].map((key) => required(`data[${key}]`));
  }
  const missing = (NEEDED_KEYS[type] ?? []).filter((key) => !Object.hasOwn(data, key));
  const errors = missing.map((key) => required(`data[${key}]`));
  const config = type === "kubernetes.io/dockerconfigjson" ? ".dockerconfigjson" : ".dockercfg";
  if (type.startsWith("kubernetes.io/dockercfg") || type === "kubernetes.io/dockerconfigjson") {
    const text = data[config];
    if (text !== undefined && !isJson(text))
      errors.push(invalid(`data[${config}]`, "<secret contents redacted>", "invalid character"));
  }
  return errors;
}

function isJson(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, "base64").toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

/** Checks a Secret that is to replace a stored one: its type stays. */
export function validateSecretUpdate(next: Secret, stored: Secret): FieldError[] {
  return [
    ...immutable("type", next.type, stored.type),
    ...checkFrozen(next, stored, ["data"]),
    ...validateSecret(next),
  ];
}

/** Checks a Lease: times are positive. */
export function validateLease({ spec }: Lease): FieldError[] {
  const { leaseDurationSeconds: duration, leaseTransitions: transitions } = spec ?? {};
  const errors: FieldError[] = [];
  if (duration !== undefined && duration <= 0) {
    errors.push(invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"));
  }
  if (transitions !== undefined && transitions < 0) {
    errors.push(invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0"));
  }
  return errors;
}
