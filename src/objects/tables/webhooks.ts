import type { WebhookConfiguration } from "../webhooks/types.ts";
import { AGE, ageOf, column, type Layout, NAME } from "./table.ts";

/** Rows of configurations of webhooks, of either kind. */
export const WEBHOOK_CONFIGURATIONS: Layout<WebhookConfiguration> = {
  columns: [
    NAME,
    column(
      "Webhooks",
      "Webhooks indicates the number of webhooks registered in this configuration",
      "integer",
    ),
    AGE,
  ],
  cells: (configuration, now) => [
    configuration.metadata.name,
    configuration.webhooks?.length ?? 0,
    ageOf(configuration, now),
  ],
};
