import { chmodSync, existsSync, lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { AnyVolume, Container, Pod } from "../../objects/types.ts";
import { writeFilesAtOnce } from "./atomic-files.ts";
import { ConfigError } from "./env.ts";
import { expandVariables } from "./expand.ts";
import { MountFailed } from "./mount-failed.ts";
import type { BindMount } from "./process.ts";
import { POD_VOLUMES } from "./sandbox-script.ts";
import { contentOf, type FileContent, referencesOf, type VolumeReader } from "./volume-content.ts";
import type { ConfigWatches } from "./config-watches.ts";

const TOKEN_SECONDS = 3_607;
/** Tokens are made anew when a fifth of their time is left (pkg/kubelet/token). */
const TOKEN_REFRESH_MS = TOKEN_SECONDS * 800;

/**
 * The volumes of one pod, in its sandbox's memory, and its ServiceAccount's token below
 * /var/run/secrets/kubernetes.io/serviceaccount. What they are made from is followed: config maps, secrets, labels and
 * annotations reach the running pod, tokens are renewed. A change that cannot be made leaves the last state.
 */
export class PodVolumes {
  readonly #pod: () => Pod;
  readonly #reader: VolumeReader;
  readonly #ca: string | undefined;
  readonly #written = new Map<string, readonly FileContent[]>();
  #sandboxPid: number | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(pod: () => Pod, reader: VolumeReader, ca: string | undefined) {
    this.#pod = pod;
    this.#reader = reader;
    this.#ca = ca;
  }

  /** Writes everything into a new sandbox. @throws MountFailed when something is missing */
  async prepare(sandboxPid: number, access: readonly FileContent[]): Promise<void> {
    this.#sandboxPid = sandboxPid;
    this.#written.clear();
    await this.#write();
    if (access.length > 0) writeAccess(sandboxPid, access);
  }

  /** The files of the ServiceAccount's token volume: token, ca.crt, namespace; none where the pod wants none. */
  async accessFiles(): Promise<readonly FileContent[]> {
    const pod = this.#pod();
    if ((pod.spec as { automountServiceAccountToken?: boolean }).automountServiceAccountToken === false)
      return [];
    const token = await this.#reader.token(pod, undefined, TOKEN_SECONDS);
    if (token === "") return [];
    return [
      { path: "token", content: token },
      { path: "ca.crt", content: this.#ca ?? "" },
      { path: "namespace", content: pod.metadata.namespace ?? "" },
    ];
  }

  /** Brings what has changed into the running pod; one time after the other. */
  refresh(): void {
    this.#last = this.#last.then(() => this.#write()).catch(() => {}); // the last state stays
  }

  /** Follows what the volumes are made from until the signal aborts. */
  follow(watches: ConfigWatches, signal: AbortSignal): void {
    const { metadata, spec } = this.#pod();
    for (const { kind, name } of (spec.volumes ?? []).flatMap(referencesOf)) {
      watches.follow(kind, metadata.namespace ?? "default", name, () => this.refresh(), signal);
    }
    const timer = setInterval(() => void this.#renewAccess().catch(() => {}), TOKEN_REFRESH_MS);
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  }

  async #renewAccess(): Promise<void> {
    const files = await this.accessFiles();
    if (this.#sandboxPid !== undefined && files.length > 0) writeAccess(this.#sandboxPid, files);
    this.refresh();
  }

  async #write(): Promise<void> {
    if (this.#sandboxPid === undefined) return; // the first write is yet to come
    const pod = this.#pod();
    for (const volume of pod.spec.volumes ?? []) {
      if (volume["hostPath"] !== undefined) continue; // there since the sandbox was made
      const folder = makeFolder(`/proc/${this.#sandboxPid}/root`, join(POD_VOLUMES, volume.name));
      chmodSync(folder, 0o777);
      const files = await this.#contentOf(volume, pod);
      if (volume["emptyDir"] !== undefined || isDeepStrictEqual(files, this.#written.get(volume.name)))
        continue;
      writeFilesAtOnce(folder, files);
      this.#written.set(volume.name, files);
    }
  }

  async #contentOf(volume: AnyVolume, pod: Pod): Promise<FileContent[]> {
    try {
      return await contentOf(volume, pod, this.#reader);
    } catch (error) {
      throw new MountFailed(volume.name, error as Error);
    }
  }
}

const ACCESS = "run/secrets/kubernetes.io/serviceaccount";

/** Makes a folder in a pod's root; not `recursive`, as Node's goes on for ever below /proc once the pod has ended. */
function makeFolder(root: string, path: string): string {
  let folder = root;
  for (const part of path.split("/").filter(Boolean)) {
    folder = join(folder, part);
    if (!existsSync(folder)) mkdirSync(folder);
  }
  return folder;
}

/** All containers share the pod's root, so that no mount is needed. /var/run is a link to /run on most hosts. */
function writeAccess(sandboxPid: number, files: readonly FileContent[]): void {
  const root = `/proc/${sandboxPid}/root`;
  writeFilesAtOnce(makeFolder(root, join(isLink(join(root, "var/run")) ? "" : "var", ACCESS)), files);
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
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
