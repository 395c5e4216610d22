import type { AnyVolume, Container, Pod } from "../../objects/types.ts";
import { fieldOf } from "./downward.ts";
import { ConfigError, type ConfigReader } from "./env.ts";
import { resourceOf } from "./resources.ts";

/** One file of a volume. */
export interface FileContent {
  readonly path: string;
  readonly content: Buffer | string;
  readonly mode?: number;
}

/** What volumes are made from: config maps, secrets and tokens of the pod's ServiceAccount. */
export interface VolumeReader extends ConfigReader {
  /** A token of the pod's ServiceAccount, bound to the pod. @throws ApiError */
  token(pod: Pod, audience: string | undefined, seconds: number): Promise<string>;
}

const SOURCES = [
  "configMap",
  "secret",
  "downwardAPI",
  "projected",
  "serviceAccountToken",
  "emptyDir",
] as const;
const OF_VOLUMES = SOURCES.filter((name) => name !== "serviceAccountToken");

/**
 * The files of a volume: configMap, secret, downwardAPI, projected (with serviceAccountToken), emptyDir (none).
 * @throws ConfigError when an object is missing or the source is one that the lab does not have
 */
export function contentOf(volume: AnyVolume, pod: Pod, reader: VolumeReader): Promise<FileContent[]> {
  const source = OF_VOLUMES.find((name) => volume[name] !== undefined);
  if (source !== undefined) return sourceContent(source, volume[source], pod, reader);
  const kinds = Object.keys(volume).filter((key) => key !== "name");
  throw new ConfigError(
    `the lab has no volumes of kind ${kinds.join(", ")}; it has ${OF_VOLUMES.join(", ")}, hostPath`,
  );
}

/** A config map or secret that a pod's volumes are made from. */
export interface ConfigReference {
  readonly kind: "configMap" | "secret";
  readonly name: string;
}

/** The config maps and secrets that a volume is made from. */
export function referencesOf(volume: AnyVolume): ConfigReference[] {
  const projected = (volume["projected"] as Source)?.sources as AnyVolume[] | undefined;
  const parts = projected ?? [volume];
  return parts.flatMap((part) =>
    (["configMap", "secret"] as const).flatMap((kind) => {
      const source = part[kind] as Source;
      const name: string | undefined = source?.name ?? source?.secretName;
      return name === undefined ? [] : [{ kind, name }];
    }),
  );
}

// biome-ignore lint/suspicious/noExplicitAny: the source of a volume, one of some thirty shapes
type Source = any;

async function sourceContent(
  kind: string,
  source: Source,
  pod: Pod,
  reader: VolumeReader,
): Promise<FileContent[]> {
  switch (kind) {
    case "configMap":
    case "secret":
      return objectContent(kind, source, pod, reader);
    case "downwardAPI":
      return (source.items ?? []).map((item: Source) => downwardFile(item, source.defaultMode, pod));
    case "serviceAccountToken": {
      const content = await reader.token(pod, source.audience, source.expirationSeconds ?? 3_600);
      return [{ path: source.path, content, mode: 0o600 }];
    }
    case "projected": {
      const parts = (source.sources ?? []) as Source[];
      const contents = parts.map(async (part) => {
        const inner = SOURCES.find((name) => part[name] !== undefined);
        const files = inner === undefined ? [] : await sourceContent(inner, part[inner], pod, reader);
        return files.map((file) => (file.mode === undefined ? { ...file, mode: source.defaultMode } : file));
      });
      return (await Promise.all(contents)).flat();
    }
    default:
      return [];
  }
}

function downwardFile(item: Source, defaultMode: number | undefined, pod: Pod): FileContent {
  const { resourceFieldRef: resource, fieldRef: field } = item;
  const containers: Container[] = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const container = containers.find(({ name }) => name === resource?.containerName);
  const value = field ? fieldOf(pod, field.fieldPath) : container ? resourceOf(container, resource) : "";
  return { path: item.path, content: value, mode: item.mode ?? defaultMode };
}

async function objectContent(
  kind: "configMap" | "secret",
  source: Source,
  pod: Pod,
  reader: ConfigReader,
): Promise<FileContent[]> {
  const name: string = source.name ?? source.secretName;
  const object = await reader[kind](pod.metadata.namespace ?? "default", name);
  if (object === undefined) {
    if (source.optional) return [];
    throw new ConfigError(`${kind.toLowerCase()} "${name}" not found`);
  }
  const binary =
    kind === "secret" ? object.data : (object as { binaryData?: Record<string, string> }).binaryData;
  const text = kind === "secret" ? {} : object.data;
  const all: Record<string, Buffer | string> = { ...text };
  for (const [key, value] of Object.entries(binary ?? {})) all[key] = Buffer.from(value, "base64");
  const items = (source.items ?? Object.keys(all).map((key) => ({ key, path: key }))) as Source[];
  return items
    .filter((item) => keyExists(item.key, all, source, name, kind))
    .map((item) => ({
      path: item.path,
      content: all[item.key] as string,
      mode: item.mode ?? source.defaultMode,
    }));
}

function keyExists(key: string, all: object, source: Source, name: string, kind: string): boolean {
  if (key in all) return true;
  if (source.optional) return false;
  throw new ConfigError(`references non-existent ${kind.toLowerCase()} key: ${key} of ${name}`);
}
