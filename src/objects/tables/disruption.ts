import type { PodDisruptionBudget } from "../disruption/types.ts";
import { AGE, ageOf, column, type Layout, NAME } from "./table.ts";

const NOT_GIVEN = "N/A";

/** Rows of PodDisruptionBudgets. */
export const POD_DISRUPTION_BUDGETS: Layout<PodDisruptionBudget> = {
  columns: [
    NAME,
    column("Min Available", "The minimum number of pods that must be available."),
    column("Max Unavailable", "The maximum number of pods that may be unavailable."),
    column("Allowed Disruptions", "Calculated number of pods that may be disrupted at this time.", "integer"),
    AGE,
  ],
  cells: (budget, now) => [
    budget.metadata.name,
    String(budget.spec.minAvailable ?? NOT_GIVEN),
    String(budget.spec.maxUnavailable ?? NOT_GIVEN),
    budget.status?.disruptionsAllowed ?? 0,
    ageOf(budget, now),
  ],
};
