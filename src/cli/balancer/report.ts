import type { BalancerFinding, Ownership } from "../../traffic/balancer/model.ts";
import { columns } from "../output.ts";
import type { Orphan, PlannedStep } from "../../traffic/balancer/provider.ts";

/** What `tandem balancer plan` has to say of one Service. */
export interface ServicePlan {
  /** `namespace/name`. */
  readonly service: string;
  readonly ownership: Ownership;
  readonly findings: readonly BalancerFinding[];
  /** Undefined where findings keep it from being planned, it is not ours, or what exists was not looked at. */
  readonly steps: readonly PlannedStep[] | undefined;
}

const SIGNS = { create: "+", change: "~", delete: "-", wait: "…" } as const;

/** Plans as text: findings, then the steps in order, each with its differences. */
export function printPlans(plans: readonly ServicePlan[]): string {
  if (plans.length === 0) return "No Services of type LoadBalancer.";
  return plans.map(printPlan).join("\n\n");
}

function printPlan({ service, ownership, findings, steps }: ServicePlan): string {
  const lines = [`Service ${service}: ${summary(ownership, findings, steps)}`];
  for (const { level, field, message, next } of findings) {
    lines.push(`  ${level}: ${field}: ${message}`);
    if (next !== undefined) lines.push(`    next: ${next}`);
  }
  for (const { verb, kind, name, details } of steps ?? []) {
    lines.push(`  ${SIGNS[verb]} ${verb} ${kind} ${name}`);
    for (const detail of details) lines.push(`      ${detail}`);
  }
  return lines.join("\n");
}

function summary(
  ownership: Ownership,
  findings: readonly BalancerFinding[],
  steps: readonly PlannedStep[] | undefined,
): string {
  if (!ownership.owned) return `not ours: ${ownership.reason}`;
  const errors = findings.filter(({ level }) => level === "error").length;
  if (errors > 0) return `cannot be served, ${errors} ${errors === 1 ? "error" : "errors"}`;
  if (steps === undefined) return "can be served";
  if (steps.length === 0) return "nothing to do";
  const counted = (["create", "change", "delete"] as const)
    .map((verb) => [verb, steps.filter((step) => step.verb === verb).length] as const)
    .filter(([, count]) => count > 0);
  if (counted.length === 0) return "under way";
  return counted.map(([verb, count]) => `${count} to ${verb}`).join(", ");
}

/** Orphans as a table. */
export function printOrphans(orphans: readonly Orphan[]): string {
  if (orphans.length === 0) return "No orphans.";
  const rows = orphans.map(({ kind, name, service, created, why, id }) => [
    kind,
    name,
    service,
    created ?? "-",
    why,
    id,
  ]);
  return columns([["KIND", "NAME", "SERVICE", "CREATED", "WHY", "ID"], ...rows]);
}
