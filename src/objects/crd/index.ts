/** Custom resources: structural schemas, pruning, defaults, validation, CEL rules. Pure. */
export { evaluateCondition, ruleSyntaxError } from "./cel.ts";
export { admitCustomResource, validateCustomResource } from "./custom-resource.ts";
export { compareVersions, customKinds, type CustomVersion } from "./custom-kind.ts";
export * from "./definition/types.ts";
export { acceptNames, setCondition } from "./definition/status.ts";
export { valuesAt } from "./json-path.ts";
export type { CelRule, JsonObject, Schema } from "./schema.ts";
