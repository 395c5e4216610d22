import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { AnyVolume, Container, Pod } from "../../objects/types.ts";
import { fieldOf } from "./downward.ts";
import { ConfigError, type ConfigReader } from "./env.ts";
import { expandVariables } from "./expand.ts";
import type { BindMount } from "./process.ts";
import { POD_VOLUMES } from "./sandbox-script.ts";

interface FileContent {
  readonly path: string;
  readonly content: Buffer | string;
  readonly mode?: number;
}

const SOURCES = ["configMap", "secret", "downwardAPI", "projected", "emptyDir"] as const;

/**
 * Writes the content of a pod's volumes into its sandbox (memory): configMap, secret, downwardAPI, projected, emptyDir.
 * Content is as of the pod's start; later changes of config maps do not reach it.
 * @throws ConfigError when an object is missing or the source is one that the lab does not have
 */
export async function prepareVolumes(pod: Pod, sandboxPid: number, reader: ConfigReader): Promise<void> {
  for (const volume of pod.spec.volumes ?? []) {
    const folder = join(`/proc/${sandboxPid}/root`, POD_VOLUMES, volume.name);
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
    for (const { path, content, mode } of await contentOf(volume, pod, reader)) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content, { mode: mode ?? 0o644 });
    }
  }
}

function contentOf(volume: AnyVolume, pod: Pod, reader: ConfigReader): Promise<FileContent[]> {
  const source = SOURCES.find((name) => volume[name] !== undefined);
  if (source !== undefined) return sourceContent(source, volume[source], pod, reader);
  const kinds = Object.keys(volume).filter((key) => key !== "name");
  throw new ConfigError(
    `volume ${JSON.stringify(volume.name)}: the lab has no volumes of kind ${kinds.join(", ")}; it has ${SOURCES.join(", ")}`,
  );
}

// biome-ignore lint/suspicious/noExplicitAny: the source of a volume, one of some thirty shapes
type Source = any;

async function sourceContent(
  kind: string,
  source: Source,
  pod: Pod,
  reader: ConfigReader,
): Promise<FileContent[]> {
  switch (kind) {
    case "configMap":
    case "secret":
      return objectContent(kind, source, pod, reader);
    case "downwardAPI":
      return (source.items ?? []).map((item: Source) => ({
        path: item.path,
        content: item.fieldRef ? fieldOf(pod, item.fieldRef.fieldPath) : "",
        mode: item.mode ?? source.defaultMode,
      }));
    case "projected": {
      const parts = (source.sources ?? []) as Source[];
      const contents = parts.map(async (part) => {
        const inner = SOURCES.find((name) => part[name] !== undefined);
        return inner === undefined ? [] : sourceContent(inner, part[inner], pod, reader);
      });
      return (await Promise.all(contents)).flat();
    }
    default:
      return [];
  }
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

/** The mounts of a container. @throws ConfigError when one names no volume of the pod */
export function mountsOf(pod: Pod, container: Container, env: Record<string, string>): BindMount[] {
  const mounts = (container.volumeMounts ?? []).map((mount) => {
    const volume = (pod.spec.volumes ?? []).find(({ name }) => name === mount.name);
    if (volume === undefined)
      throw new ConfigError(`volume mount ${JSON.stringify(mount.name)} names no volume`);
    const template = (mount as { subPathExpr?: string }).subPathExpr;
    const subPath = mount.subPath ?? (template && expandVariables(template, (name) => env[name])) ?? "";
    const configured =
      volume["configMap"] ?? volume["secret"] ?? volume["downwardAPI"] ?? volume["projected"];
    return {
      source: join(POD_VOLUMES, mount.name, subPath),
      target: mount.mountPath,
      readOnly: mount.readOnly === true || configured !== undefined,
    };
  });
  return mounts.sort((a, b) => a.target.length - b.target.length); // outer ones first
}
