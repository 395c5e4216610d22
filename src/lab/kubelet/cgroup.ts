import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { enableBelow, readText, removeGroup } from "../host/cgroup-files.ts";
import type { Controller } from "../host/cgroup-find.ts";
import type { LabCgroups, LackingController } from "../host/cgroups.ts";
import { type EnforcedLimits, settingsOf } from "./cgroup-limits.ts";

/** A folder in one hierarchy, and the controllers that it is for. */
interface Hierarchy {
  readonly dir: string;
  readonly version: 1 | 2;
  readonly controllers: readonly Controller[];
}

/** The groups of one run of a container, one in each hierarchy. */
export interface ContainerCgroup {
  /** Files that a process writes `0` to in order to join. */
  readonly joins: readonly string[];
  /** Whether the kernel killed a process of the container for its memory. */
  oomKilled(): boolean;
  /** Kills what is left in the groups and removes them. */
  remove(): Promise<void>;
}

/** The groups of a pod. */
export interface PodCgroup {
  /** Makes the groups of one run of a container. @throws Error when the kernel refuses a limit */
  container(name: string, run: number, limits: EnforcedLimits): ContainerCgroup;
  /** Removes the pod's groups and all below. */
  remove(): Promise<void>;
}

/** The control groups of a node: LAB/NODE/pod-UID/CONTAINER-RUN in each hierarchy that the lab may use. */
export class NodeCgroups {
  readonly #hierarchies: readonly Hierarchy[];
  readonly #lacking: readonly LackingController[];
  #cleaned: Promise<unknown> | undefined;

  constructor(cgroups: LabCgroups, node: string) {
    this.#lacking = cgroups.lacking;
    const dirs = [...new Set(cgroups.groups.map(({ dir }) => dir))];
    this.#hierarchies = dirs.map((dir) => {
      const here = cgroups.groups.filter((group) => group.dir === dir);
      const version = here[0]?.version ?? 2;
      return { dir: join(dir, node), version, controllers: here.map(({ controller }) => controller) };
    });
  }

  /** Removes what an earlier agent of the node left, once. */
  clean(): Promise<unknown> {
    this.#cleaned ??= Promise.all(this.#hierarchies.map(({ dir }) => removeGroup(dir)));
    return this.#cleaned;
  }

  /** Why a resource's limit is not enforced, and what to do; undefined when it is. */
  lacking(resource: string): { why: string; next?: string } | undefined {
    if (resource !== "memory" && resource !== "cpu") return { why: "the lab knows memory and cpu only" };
    return this.#lacking.find(({ controller }) => controller === resource);
  }

  /** Makes a pod's groups. @throws Error when the kernel refuses */
  async pod(uid: string): Promise<PodCgroup> {
    await this.clean();
    for (const hierarchy of this.#hierarchies) makeInner(hierarchy);
    const own = this.#hierarchies.map((hierarchy) => makeInner(below(hierarchy, `pod-${uid}`)));
    return {
      container: (name, run, limits) => containerCgroup(own, `${name}-${run}`, limits),
      remove: () => removeAll(own),
    };
  }
}

function below(hierarchy: Hierarchy, name: string): Hierarchy {
  return { ...hierarchy, dir: join(hierarchy.dir, name) };
}

/** A group that has groups below, never processes: v2 has it so. */
function makeInner(hierarchy: Hierarchy): Hierarchy {
  mkdirSync(hierarchy.dir, { recursive: true });
  if (hierarchy.version === 2) enableBelow(hierarchy.dir, hierarchy.controllers);
  return hierarchy;
}

function containerCgroup(pod: readonly Hierarchy[], name: string, limits: EnforcedLimits): ContainerCgroup {
  const own = pod.map((hierarchy) => below(hierarchy, name));
  for (const { dir, version, controllers } of own) {
    mkdirSync(dir, { recursive: true });
    for (const { controller, file, value, optional } of settingsOf(limits, version)) {
      if (controllers.includes(controller)) write(join(dir, file), value, optional === true);
    }
  }
  return {
    joins: own.map(({ dir }) => join(dir, "cgroup.procs")),
    oomKilled: () => own.some(({ dir, version }) => oomKills(dir, version) > 0),
    remove: () => removeAll(own),
  };
}

function write(file: string, value: string, optional: boolean): void {
  try {
    writeFileSync(file, value);
  } catch (error) {
    if (!optional) throw error;
  }
}

/** The kernel's count of kills for lack of memory (cgroup-v2.rst memory.events; v1 memory.oom_control). */
function oomKills(dir: string, version: 1 | 2): number {
  const text = readText(join(dir, version === 2 ? "memory.events" : "memory.oom_control")) ?? "";
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

async function removeAll(hierarchies: readonly Hierarchy[]): Promise<void> {
  await Promise.all(hierarchies.map(({ dir }) => removeGroup(dir)));
}
