/**
 * Field management: who owns which field of an object, and server-side apply. Pure; the time comes in from
 * outside.
 *
 *     create, update, other patches   object.metadata.managedFields = managedFieldsAfterUpdate(kind, {live, next, …})
 *                                     between defaulting and the kind's own preparation
 *     apply                           readConfiguration ▸ serverSideApply ▸ decodeValue ▸ defaultObject ▸ as an update
 *     before the store                keepTimesIfUnchanged(next, stored)
 *
 * The order within a write is that of the real server: what preparation fills in (cluster IPs, say) has no
 * owner.
 */
export type { ConfigurationText } from "./configuration.ts";
export { readConfiguration } from "./configuration.ts";
export type { MergeSchema } from "./compile.ts";
export { keepTimesIfUnchanged } from "./keep-times.ts";
export type { CustomResource, ManagedKind } from "./managed-kind.ts";
export { managedCustomResource, managedKind } from "./managed-kind.ts";
export type { ManagedFieldsEntry } from "./managers.ts";
export { checkManagerOptions, managerOf } from "./request.ts";
export { managedScale, parentManagedFields, scaleManagedFields } from "./scale.ts";
export type { ApplyRequest, ApplyResult } from "./server-side-apply.ts";
export { serverSideApply } from "./server-side-apply.ts";
export type { UpdateRequest } from "./update.ts";
export { managedFieldsAfterUpdate } from "./update.ts";
