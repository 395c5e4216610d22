/** The façade of traffic policies. */
export { applyPolicies } from "./apply.ts";
export { clientSettings } from "./client.ts";
export * from "./objects.ts";
export { targetKeysOf } from "./targets.ts";
export * from "./types.ts";
export { USERS_KEY } from "./users.ts";
export { policyVerdict } from "./verdict.ts";
