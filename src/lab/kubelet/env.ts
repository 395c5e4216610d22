import type { ConfigMap, Container, EnvVar, Pod, Secret, Service } from "../../objects/types.ts";
import { expandVariables } from "./expand.ts";
import { fieldOf } from "./downward.ts";
import { resourceOf } from "./resources.ts";

/** Reads config maps and secrets, undefined when there is none of that name; and the Services of a namespace. */
export interface ConfigReader {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  services(namespace: string): Promise<readonly Service[]>;
}

/** A container's configuration that cannot be made: becomes the reason CreateContainerConfigError. */
export class ConfigError extends Error {}

type Data = Record<string, string>;

/**
 * The environment of a container in Kubernetes' order of precedence: what `base` has, `envFrom`, then `env` with
 * `$(NAME)` expanded from what is above it.
 * @throws ConfigError when a required config map, secret or key is missing
 */
export async function containerEnvironment(
  pod: Pod,
  container: Container,
  base: Data,
  reader: ConfigReader,
): Promise<Data> {
  const result: Data = { ...base };
  for (const source of container.envFrom ?? []) {
    const data = source.configMapRef
      ? await readData("configMap", pod, source.configMapRef, reader)
      : await readData("secret", pod, source.secretRef ?? { name: "" }, reader);
    for (const [key, value] of Object.entries(data ?? {})) result[`${source.prefix ?? ""}${key}`] = value;
  }
  for (const variable of container.env ?? []) {
    const value = await variableValue(variable, pod, container, result, reader);
    if (value !== undefined) result[variable.name] = value;
  }
  return result;
}

async function variableValue(
  variable: EnvVar,
  pod: Pod,
  container: Container,
  known: Data,
  reader: ConfigReader,
): Promise<string | undefined> {
  const from = variable.valueFrom;
  if (from === undefined) return expandVariables(variable.value ?? "", (name) => known[name]);
  if (from.fieldRef) return fieldOf(pod, from.fieldRef.fieldPath);
  if (from.resourceFieldRef) return resourceOf(container, from.resourceFieldRef);
  if (from.configMapKeyRef) return keyOf("configMap", pod, from.configMapKeyRef, reader);
  if (from.secretKeyRef) return keyOf("secret", pod, from.secretKeyRef, reader);
  return undefined;
}

interface Reference {
  readonly name?: string;
  readonly key?: string;
  readonly optional?: boolean;
}

async function keyOf(
  kind: "configMap" | "secret",
  pod: Pod,
  reference: Reference,
  reader: ConfigReader,
): Promise<string | undefined> {
  const data = await readData(kind, pod, reference, reader);
  const value = data?.[reference.key ?? ""];
  if (value !== undefined || reference.optional) return value;
  const label = kind === "configMap" ? "ConfigMap" : "Secret";
  throw new ConfigError(
    `couldn't find key ${reference.key} in ${label} ${pod.metadata.namespace}/${reference.name}`,
  );
}

async function readData(
  kind: "configMap" | "secret",
  pod: Pod,
  { name = "", optional }: Reference,
  reader: ConfigReader,
): Promise<Data | undefined> {
  const object = await reader[kind](pod.metadata.namespace ?? "default", name);
  if (object === undefined) {
    if (optional) return undefined;
    throw new ConfigError(`${kind.toLowerCase()} "${name}" not found`);
  }
  const data = object.data ?? {};
  return kind === "secret" ? decodeSecret(data) : data;
}

/** Secrets carry base64. */
function decodeSecret(data: Data): Data {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
  );
}
