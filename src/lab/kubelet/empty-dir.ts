/** The sizes of emptyDir volumes: those in memory are file systems of their size, of the others what is in them counts. */
import { lstat, readdir } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { canonicalQuantity, parseQuantity } from "../../objects/quantity.ts";
import type { AnyVolume, Pod } from "../../objects/types.ts";
import { pause } from "./prober.ts";
import type { PodFacts } from "./status.ts";

const NANO = 1_000_000_000n;

/** A volume in memory, to be mounted. */
export interface MemoryVolume {
  readonly name: string;
  readonly bytes: number;
}

/**
 * The volumes of a pod with `medium: Memory`, as large as their sizeLimit, the limits of memory of all containers, or the
 * node's memory, whichever is least (pkg/volume/emptydir calculateEmptyDirMemorySize, KEP-1967).
 */
export function memoryVolumes(pod: Pod): MemoryVolume[] {
  const most = Math.min(totalmem(), memoryLimit(pod));
  return (pod.spec.volumes ?? [])
    .filter((volume) => volume["emptyDir"]?.medium === "Memory")
    .map((volume) => ({ name: volume.name, bytes: Math.min(most, sizeLimitOf(volume) ?? most) }));
}

/** Infinity where a container has none. */
function memoryLimit({ spec: { containers } }: Pod): number {
  const limits = containers.map(({ resources }) => bytesOf(resources?.limits?.["memory"]));
  return limits.reduce<number>((sum, limit) => sum + (limit ?? Number.POSITIVE_INFINITY), 0);
}

function sizeLimitOf(volume: AnyVolume): number | undefined {
  return bytesOf(volume["emptyDir"]?.sizeLimit);
}

/** Undefined for no quantity, and for zero, which is no limit. */
function bytesOf(text: string | undefined): number | undefined {
  const quantity = parseQuantity(text ?? "0");
  if (typeof quantity === "string" || quantity.nanos <= 0n) return undefined;
  return Number((quantity.nanos + NANO - 1n) / NANO);
}

/** As often as the kubelet looks (eviction.monitoringInterval). */
const LOOK_MS = 10_000;

/**
 * Looks at volumes with a sizeLimit until the signal aborts; resolves with why the pod is evicted once one of them holds
 * more (pkg/kubelet/eviction emptyDirLimitEviction), undefined when none ever did.
 * @param folderOf where a volume's files are; undefined while the pod has no sandbox
 */
export async function overfullVolume(
  pod: Pod,
  folderOf: (volume: string) => string | undefined,
  signal: AbortSignal,
  interval = LOOK_MS,
): Promise<PodFacts["failure"]> {
  const limited = (pod.spec.volumes ?? []).filter(
    (volume) => sizeLimitOf(volume) !== undefined && volume["emptyDir"]?.medium !== "Memory",
  );
  while (limited.length > 0 && !signal.aborted) {
    await pause(interval, signal);
    for (const volume of limited) {
      const folder = folderOf(volume.name);
      const used = folder === undefined || signal.aborted ? 0 : await usageOf(folder);
      if (used > (sizeLimitOf(volume) ?? 0)) return evicted(volume);
    }
  }
  return undefined;
}

function evicted({ name, emptyDir }: AnyVolume): NonNullable<PodFacts["failure"]> {
  const limit = canonicalQuantity(emptyDir.sizeLimit) ?? emptyDir.sizeLimit;
  const message = `Usage of EmptyDir volume ${JSON.stringify(name)} exceeds the limit ${JSON.stringify(limit)}. `;
  return { reason: "Evicted", message };
}

/** What the files of a folder take, as `du` counts it; what goes meanwhile counts nothing. */
async function usageOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? await usageOf(path) : await sizeOf(path);
  }
  return bytes;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await lstat(path)).blocks * 512;
  } catch {
    return 0;
  }
}
