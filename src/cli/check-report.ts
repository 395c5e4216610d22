import type { ClusterReport, ComponentReport, FlagFinding, Setting } from "../allocation/flags/index.ts";
import { columns } from "./output.ts";

/** The judgement of a cluster's flags as text: a table of components, the verdict, and what to set next. */
export function printCluster(report: ClusterReport): string {
  const blocks = [
    columns(rowsOf(report)),
    verdictLine(report),
    nextSteps(report.findings),
    noteLines(report.notes),
  ];
  return blocks.filter((block) => block !== "").join("\n\n");
}

function rowsOf(report: ClusterReport): string[][] {
  const header = ["COMPONENT", "PID", "FLAGS", "FAMILIES", "DECIDED BY"];
  return [header, ...report.components.map(rowOf)];
}

function rowOf(item: ComponentReport): string[] {
  const families = new Set(item.settings.map((setting) => setting.families.join(",")));
  return [
    item.component,
    item.pid === undefined ? "-" : String(item.pid),
    item.verdict.accepted ? "accepted" : "refused",
    families.size === 0 ? "?" : [...families].join(" / "),
    decidedBy(item),
  ];
}

function decidedBy(item: ComponentReport): string {
  if (!item.verdict.accepted) return item.verdict.error;
  if (item.component === "kube-proxy" && item.configFile !== undefined)
    return `--config=${item.configFile} (not seen)`;
  return item.settings.length === 0 ? "-" : item.settings.map(settingText).join("  ");
}

function settingText(setting: Setting): string {
  return `${setting.flag}=${setting.items.join(",")}${setting.byDefault ? " (default)" : ""}`;
}

function verdictLine(report: ClusterReport): string {
  const families = report.families.join(",");
  switch (report.cluster) {
    case "dual-stack":
      return `Cluster: dual-stack (${families})`;
    case "single-stack":
      return `Cluster: single-stack (${families})`;
    case "inconsistent":
      return "Cluster: inconsistent, its components do not agree about families";
    case "unknown":
      return "Cluster: unknown, no flag here says anything about families";
  }
}

function nextSteps(findings: readonly FlagFinding[]): string {
  if (findings.length === 0) return "";
  const lines = findings.flatMap((finding) => {
    const example = finding.example === undefined ? "" : `   (for example ${finding.example})`;
    return [
      `  ${finding.component}: ${finding.flag}: ${finding.problem}`,
      `    set ${finding.next}${example}`,
    ];
  });
  return ["To make it dual-stack:", ...lines].join("\n");
}

function noteLines(notes: readonly string[]): string {
  return notes.map((note) => `note: ${note}`).join("\n");
}
