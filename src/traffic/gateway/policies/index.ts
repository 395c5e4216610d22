/** The façade of traffic policies. */
export { applyPolicies } from "./apply.ts";
export { clientSettings } from "./client.ts";
export * from "./objects.ts";
export { OPAQUE } from "./api-keys.ts";
export { targetKeysOf } from "./targets.ts";
export { KEY_SET } from "./tokens.ts";
export * from "./types.ts";
export { USERS_KEY } from "./users.ts";
export { policyVerdict } from "./verdict.ts";
