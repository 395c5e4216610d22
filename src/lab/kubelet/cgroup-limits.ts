import { parseQuantity } from "../../objects/quantity.ts";
import type { Container } from "../../objects/types.ts";
import { LAB_NODE } from "../init/root-layout.ts";
import { ConfigError } from "./env.ts";
import { StartError } from "./process.ts";

/** What a container's control groups are to enforce. */
export interface EnforcedLimits {
  readonly memoryBytes?: number;
  readonly milliCpu?: number;
}

const NANO = 1_000_000_000n;
/** What the built-in images need more than those that they stand in for, as they run in Node. */
const NODE_BYTES = 64 * 1024 * 1024;
/** With less, no program gets as far as its first line. */
const LEAST_BYTES = 512 * 1024;

/**
 * The limits of a container in the units of the kernel; zero is no limit.
 * @param command the container's command line: memory of a built-in image is counted without Node's own
 * @throws ConfigError when a limit is no quantity
 * @throws StartError when no program can start with so little memory, in runc's words
 */
export function limitsOf(container: Container, command: readonly string[]): EnforcedLimits {
  const { memory, cpu } = container.resources?.limits ?? {};
  const bytes = Number((nanosOf("memory", memory) + NANO - 1n) / NANO);
  const milliCpu = Number((nanosOf("cpu", cpu) + NANO / 1_000n - 1n) / (NANO / 1_000n));
  if (bytes > 0 && bytes < LEAST_BYTES)
    throw new StartError(
      "OCI runtime create failed: runc create failed: unable to start container process: container init was " +
        "OOM-killed (memory limit too low?)",
    );
  const extra = command[0]?.startsWith(`${LAB_NODE}/`) ? NODE_BYTES : 0;
  return { ...(bytes > 0 && { memoryBytes: bytes + extra }), ...(milliCpu > 0 && { milliCpu }) };
}

function nanosOf(name: string, text: string | undefined): bigint {
  const quantity = parseQuantity(text ?? "0");
  if (typeof quantity !== "string" && quantity.nanos >= 0n) return quantity.nanos;
  const why = typeof quantity === "string" ? quantity : "must be greater than or equal to 0";
  throw new ConfigError(`invalid limits.${name} ${JSON.stringify(text)}: ${why}`);
}

const PERIOD_US = 100_000;
/** The kernel's least, which the kubelet uses for anything below (pkg/kubelet/cm MilliCPUToQuota). */
const LEAST_QUOTA_US = 1_000;

/** One line to write into a control file of a group; files that a kernel may not have are optional. */
export interface Setting {
  readonly controller: "memory" | "cpu";
  readonly file: string;
  readonly value: string;
  readonly optional?: boolean;
}

/**
 * What to write for limits, in this order, as the kubelet and runc do: no swap on top of memory; with v2 all of a container
 * dies of one process's lack of memory (memory.oom.group, Kubernetes 1.28).
 */
export function settingsOf(limits: EnforcedLimits, version: 1 | 2): Setting[] {
  return [...memorySettings(limits.memoryBytes, version), ...cpuSettings(limits.milliCpu, version)];
}

function memorySettings(bytes: number | undefined, version: 1 | 2): Setting[] {
  if (bytes === undefined) return [];
  const set = (file: string, value: string, optional = false): Setting => ({
    controller: "memory",
    file: `memory.${file}`,
    value,
    optional,
  });
  if (version === 1)
    return [set("limit_in_bytes", String(bytes)), set("memsw.limit_in_bytes", String(bytes), true)];
  return [set("max", String(bytes)), set("swap.max", "0", true), set("oom.group", "1", true)];
}

function cpuSettings(milliCpu: number | undefined, version: 1 | 2): Setting[] {
  if (milliCpu === undefined) return [];
  const quota = Math.max(LEAST_QUOTA_US, Math.floor((milliCpu * PERIOD_US) / 1_000));
  if (version === 2) return [{ controller: "cpu", file: "cpu.max", value: `${quota} ${PERIOD_US}` }];
  return [
    { controller: "cpu", file: "cpu.cfs_period_us", value: String(PERIOD_US) },
    { controller: "cpu", file: "cpu.cfs_quota_us", value: String(quota) },
  ];
}
