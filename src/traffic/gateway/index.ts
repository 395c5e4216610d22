/** Gateways: objects of the Gateway API as proxy models and statuses. */
export { FEATURES, SUPPORTED_FEATURES } from "./features.ts";
export type * from "./model.ts";
export type { IntakeKind, IntakeKinds } from "./objects.ts";
export type * from "./policy-model.ts";
export { KEY_SET, OPAQUE, USERS_KEY } from "./policies/index.ts";
export type { BackendObject } from "./routes/types.ts";
export { createGatewayModel } from "./translator.ts";
export type * from "./types.ts";
