import { closeSync, mkdirSync, writeSync } from "node:fs";
import { type LabConfig, readConfig, statePaths } from "../config.ts";
import { serveControl } from "../faults/control.ts";
import { MAIN, PACKAGE_ROOT } from "../host/main-path.ts";
import { placeOfProgram } from "../images/mapping.ts";
import { LAB_ENVOY } from "../images/registry.ts";
import { DETACH, FD, type Report } from "../report.ts";
import { ipBatch, run } from "../run.ts";
import { enableForwarding, fabricCommands } from "./fabric.ts";
import { bindOwnFiles, bindPrograms, detectRootLayout } from "./root-layout.ts";
import { PartFailed, Supervisor } from "./supervise.ts";

/** As bin/tandem gives to processes that run for months: it costs some CPU, and saves memory for good. */
const SMALL_NURSERY = "--max-semi-space-size=4";
/** What large messages took goes back to the system at once (mallopt(3)), not to a heap that only grows. */
const SMALL_HEAP = ["MALLOC_ARENA_MAX=2", "MALLOC_MMAP_THRESHOLD_=131072", "MALLOC_TRIM_THRESHOLD_=131072"];
const STOP_GRACE_MS = 2_000;

/**
 * The lab's init: makes mounts and the fabric, starts the control plane and a node agent per node, and keeps them
 * running. When it ends, whatever way, the kernel ends everything else in its PID namespace.
 */
export async function runInit(configPath: string): Promise<void> {
  const config = readConfig(configPath);
  endWithParent();
  const report = openReport();
  try {
    await prepare(config);
    report({ type: "step", step: "network" });
    await startParts(config, report);
    closeReport();
  } catch (error) {
    console.error(error);
    report({ type: "failed", error: partsOf(error) });
    process.exit(1);
  }
}

/** Until the parent lets go (DETACH), the end of the control pipe ends the lab. */
function endWithParent(): void {
  let text = "";
  const control = process.stdin; // descriptor 0, see FD
  control.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const onEnd = (): void => {
    if (!text.startsWith(DETACH)) process.exit(0);
  };
  control.on("end", onEnd).on("error", onEnd);
}

let reportOpen = true;

function openReport(): (report: Report) => void {
  return (report) => {
    if (!reportOpen) return;
    try {
      writeSync(FD.report, `${JSON.stringify(report)}\n`);
    } catch {
      reportOpen = false; // nobody listens any more
    }
  };
}

function closeReport(): void {
  reportOpen = false;
  try {
    closeSync(FD.report);
  } catch {
    // the parent closed its end and Node noticed first
  }
}

/** Mounts and links. /run is the lab's own: network namespaces have their names there. */
async function prepare(config: LabConfig): Promise<void> {
  await run(["mount", "-t", "tmpfs", "-o", "mode=755", "tandem", "/run"]);
  mkdirSync("/run/tandem", { recursive: true });
  enableForwarding();
  const own = bindOwnFiles(PACKAGE_ROOT, process.execPath, config.cacheDir);
  const images = bindPrograms(programsOf(config));
  await Promise.all([ipBatch(fabricCommands(config.plan)), own, images, detectRootLayout()]);
}

/** The host's programs that pods may run, each with its place in the lab. */
function programsOf({ images, envoy }: LabConfig): [program: string, place: string][] {
  const mapped = images.map((mapping, index): [string, string] => [
    mapping.program,
    placeOfProgram(mapping, index),
  ]);
  return envoy === undefined ? mapped : [...mapped, [envoy, LAB_ENVOY]];
}

async function startParts(config: LabConfig, report: (report: Report) => void): Promise<void> {
  const logs = statePaths(config.stateDir).logs;
  const self = [process.execPath, ...process.execArgv, MAIN, "internal"];
  const file = statePaths(config.stateDir).config;
  const sockets = [...config.apiSockets, ...config.dnsSockets.map((socket) => socket.fd)];
  const control = new Supervisor(
    { name: "control-plane", command: [...self, "control-plane", file], sockets },
    logs,
  );
  const agents = config.plan.nodePlans.map((node) => {
    const command = ["nsenter", `--net=/run/netns/${node.netns}`, "--", ...self, "node", file, node.name];
    return new Supervisor({ name: node.name, command }, logs);
  });
  const [node = "", ...rest] = self;
  const small = (name: string, place: readonly string[] = []) => {
    const command = [...place, "env", ...SMALL_HEAP, node, SMALL_NURSERY, ...rest, name, file];
    return new Supervisor({ name, command }, logs);
  };
  const outside = ["nsenter", `--net=/run/netns/${config.plan.balancerHost.netns}`, "--"];
  const proxies = [small("gateway"), small("mesh"), small("balancer", outside)];
  const parts = [control, ...proxies, ...agents];
  serveControl(statePaths(config.stateDir).control, {
    plan: config.plan,
    agentOf: (node) => agents.find(({ part }) => part.name === node)?.pid,
    parts: () => parts.map(({ state }) => state),
  });
  stopOnSignal(parts);
  for (const part of [control, ...agents]) part.start();
  await control.ready;
  report({ type: "step", step: "control-plane" });
  await Promise.all(agents.map((agent) => agent.ready));
  report({ type: "step", step: "nodes" });
  // of their own, so that none takes another down; last, as nobody waits for them who has neither Gateways, a mesh nor balancers
  for (const part of proxies) part.start();
}

function stopOnSignal(parts: readonly Supervisor[]): void {
  process.once("SIGTERM", () => {
    void Promise.all(parts.map((part) => part.stop(STOP_GRACE_MS))).then(() => process.exit(0));
  });
}

function partsOf(error: unknown) {
  if (error instanceof PartFailed) return error.parts;
  return { what: "cannot start the cluster", where: "the lab's network", why: (error as Error).message };
}
