/** The façade of the objects room; README.md says how its functions go together. */
export { admitCreate, deprecationOf } from "./admission.ts";
export * from "./apply/index.ts";
export type { FieldError } from "./field-errors.ts";
export { type Kind, KINDS } from "./kinds.ts";
export { generateName } from "./metadata/names.ts";
export { admitNames, fillSystemMetadata, type Place, type SystemFields } from "./metadata/system.ts";
export { applyPatch, type PatchRequest } from "./patch/apply-patch.ts";
export { applyJsonPatch, type JsonPatchOperation } from "./patch/json-patch.ts";
export { sameJson, sameJson as sameObject } from "./patch/json-value.ts";
export { applyMergePatch } from "./patch/merge-patch.ts";
export { applyStrategicMergePatch } from "./patch/strategic-merge-patch.ts";
export {
  type BodyOptions,
  type Decoded,
  decodeBody,
  decodeValue,
  parseKubernetesYaml,
} from "./schema/body.ts";
export { decodeProtobuf, decodeProtobufAs } from "./schema/protobuf-body.ts";
export type { FieldValidation } from "./schema/decode.ts";
export { type StructType, typeOfKind, type WireType } from "./schema/types.ts";
export { nameInFieldSelector, parseFieldSelector, parseLabelSelector } from "./selectors/index.ts";
export { formatLabelSelector, matchesLabelSelector } from "./selectors/label-selector.ts";
export { EVERYTHING, type Selector } from "./selectors/selector.ts";
export {
  beforeCreate,
  beforeUpdate,
  createsOnUpdate,
  defaultObject,
  metadataErrors,
  prepareForUpdate,
  takesUnconditionalUpdates,
} from "./strategy/write.ts";
export type { AnyObject, KubeObject, LabelSelector, ObjectMeta, Status } from "./types.ts";
export { formatTime } from "./time.ts";
export { type TableOptions, tableOf } from "./tables/index.ts";
export type { Cell, Column, Layout, Table } from "./tables/table.ts";
