import { hasCondition } from "../conditions.ts";
import type { Container, ContainerStatus, Pod } from "../types.ts";
import { ABOUT } from "./about.ts";
import { AGE, ageOf, type Cell, column, type Layout, NAME, NONE, since, wide } from "./table.ts";

/** Rows of pods (printPod in pkg/printers/internalversion/printers.go). */
export const PODS: Layout<Pod> = {
  columns: [
    NAME,
    column("Ready", "The aggregate readiness state of this pod for accepting traffic."),
    column("Status", "The aggregate status of the containers in this pod."),
    column(
      "Restarts",
      "The number of times the containers in this pod have been restarted and when the last container in this pod " +
        "has restarted.",
    ),
    AGE,
    wide("IP", ABOUT.podIP),
    wide("Node", ABOUT.nodeName),
    wide("Nominated Node", ABOUT.nominatedNodeName),
    wide("Readiness Gates", ABOUT.readinessGates),
  ],
  cells(pod, now): Cell[] {
    const summary = summarize(pod);
    const { nominatedNodeName } = (pod.status ?? {}) as { nominatedNodeName?: string };
    return [
      pod.metadata.name,
      `${summary.ready}/${summary.total}`,
      summary.reason,
      restartsText(summary, now),
      ageOf(pod, now),
      podIPOf(pod),
      pod.spec.nodeName || NONE,
      nominatedNodeName || NONE,
      readinessGates(pod),
    ];
  },
  conditions({ status }) {
    const message = COMPLETED[status?.phase ?? ""];
    if (message === undefined) return undefined;
    return [{ type: "Completed", status: "True", reason: status?.phase ?? "", message }];
  },
};

const COMPLETED: Readonly<Record<string, string>> = {
  Succeeded: "The pod has completed successfully.",
  Failed: "The pod failed.",
};

interface Summary {
  reason: string;
  ready: number;
  total: number;
  restarts: number;
  lastRestart: string;
}

function podIPOf({ status }: Pod): string {
  return status?.podIPs?.[0]?.ip || status?.podIP || NONE;
}

function restartsText({ restarts, lastRestart }: Summary, now: Date): string {
  return restarts === 0 || lastRestart === ""
    ? String(restarts)
    : `${restarts} (${since(lastRestart, now)} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  return `${gates.filter((gate) => hasCondition(pod, gate.conditionType)).length}/${gates.length}`;
}

function isSidecar(container: Container | undefined): boolean {
  return container?.restartPolicy === "Always";
}

function summarize(pod: Pod): Summary {
  const { spec, status = {} } = pod;
  const sidecars = (spec.initContainers ?? []).filter(isSidecar).length;
  const summary: Summary = {
    reason: status.reason || status.phase || "",
    ready: 0,
    total: (spec.containers ?? []).length + sidecars,
    restarts: 0,
    lastRestart: "",
  };
  const gated = status.conditions?.find(
    (one) => one.type === "PodScheduled" && one.reason === "SchedulingGated",
  );
  if (gated !== undefined) summary.reason = "SchedulingGated";
  const initializing = readInitContainers(pod, summary);
  if (!initializing || hasCondition(pod, "Initialized")) readContainers(pod, summary);
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status.reason === "NodeLost") summary.reason = "Unknown";
    else if (status.phase !== "Succeeded" && status.phase !== "Failed") summary.reason = "Terminating";
  }
  return summary;
}

function countRestarts(summary: Summary, status: ContainerStatus): void {
  summary.restarts += status.restartCount ?? 0;
  const finished = status.lastState?.terminated?.finishedAt ?? "";
  if (finished > summary.lastRestart) summary.lastRestart = finished;
}

/** Looks at init containers until one has work left; says whether one has. */
function readInitContainers({ spec, status }: Pod, summary: Summary): boolean {
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    countRestarts(summary, container);
    const definition = spec.initContainers?.find((one) => one.name === container.name);
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isSidecar(definition) && container.started === true) {
      if (container.ready) summary.ready++;
      continue;
    }
    if (terminated !== undefined) summary.reason = `Init:${endReason(terminated)}`;
    else if (waiting?.reason && waiting.reason !== "PodInitializing")
      summary.reason = `Init:${waiting.reason}`;
    else summary.reason = `Init:${index}/${(spec.initContainers ?? []).length}`;
    return true;
  }
  return false;
}

function endReason({
  reason,
  signal,
  exitCode,
}: {
  reason?: string;
  signal?: number;
  exitCode: number;
}): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function readContainers({ spec, status }: Pod, summary: Summary): void {
  // Restarts of init containers that are over no longer count; those of sidecars do.
  summary.restarts = 0;
  summary.lastRestart = "";
  for (const container of status?.initContainerStatuses ?? []) {
    if (isSidecar(spec.initContainers?.find((one) => one.name === container.name)))
      countRestarts(summary, container);
  }
  let running = false;
  for (const container of [...(status?.containerStatuses ?? [])].reverse()) {
    countRestarts(summary, container);
    const { waiting, terminated, running: runs } = container.state ?? {};
    if (waiting?.reason) summary.reason = waiting.reason;
    else if (terminated !== undefined) summary.reason = endReason(terminated);
    else if (container.ready && runs !== undefined) {
      running = true;
      summary.ready++;
    }
  }
  if (summary.reason === "Completed" && running)
    summary.reason = hasCondition({ status }, "Ready") ? "Running" : "NotReady";
}
