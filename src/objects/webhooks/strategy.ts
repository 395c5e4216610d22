import { subdomainName } from "../metadata/names.ts";
import { sameJson } from "../patch/json-value.ts";
import type { KindRules } from "../strategy/rules.ts";
import type { WebhookConfiguration } from "./types.ts";
import { validateWebhooks } from "./validate.ts";

/** pkg/registry/admissionregistration/mutatingwebhookconfiguration/strategy.go */
export const MUTATING_WEBHOOKS: KindRules<WebhookConfiguration> = {
  nameRule: subdomainName,
  createOnUpdate: false,
  unconditionalUpdate: false,
  default: (configuration) => setDefaults(configuration, true),
  prepareForCreate: ({ metadata }) => {
    metadata.generation = 1;
  },
  prepareForUpdate(next, stored) {
    const same = sameJson(next.webhooks ?? [], stored.webhooks ?? []);
    next.metadata.generation = (stored.metadata.generation ?? 0) + (same ? 0 : 1);
  },
  validate: validateWebhooks,
  validateUpdate: validateWebhooks,
};

/** The same but for what only mutating ones have. */
export const VALIDATING_WEBHOOKS: KindRules<WebhookConfiguration> = {
  ...MUTATING_WEBHOOKS,
  default: (configuration) => setDefaults(configuration, false),
};

/** pkg/apis/admissionregistration/v1/defaults.go */
function setDefaults({ webhooks }: WebhookConfiguration, isMutating: boolean): void {
  for (const webhook of webhooks ?? []) {
    webhook.failurePolicy ??= "Fail";
    webhook.matchPolicy ??= "Equivalent";
    webhook.namespaceSelector ??= {};
    webhook.objectSelector ??= {};
    webhook.timeoutSeconds ??= 10;
    if (isMutating) webhook.reinvocationPolicy ??= "Never";
    for (const rule of webhook.rules ?? []) rule.scope ??= "*";
    if (webhook.clientConfig.service) webhook.clientConfig.service.port ??= 443;
  }
}
