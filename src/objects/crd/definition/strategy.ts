import { subdomainName } from "../../metadata/names.ts";
import { sameJson } from "../../patch/json-value.ts";
import type { KindRules } from "../../strategy/rules.ts";
import { defaultDefinition } from "./defaults.ts";
import type { Definition } from "./types.ts";
import { validateDefinition, validateDefinitionUpdate } from "./validate.ts";

/** CustomResourceDefinitions (apiextensions pkg/registry/customresourcedefinition/strategy.go). */
export const CUSTOM_RESOURCE_DEFINITION: KindRules<Definition> = {
  nameRule: subdomainName,
  createOnUpdate: false,
  unconditionalUpdate: false,
  default: defaultDefinition,
  prepareForCreate(definition) {
    definition.status = { acceptedNames: { kind: "", plural: "" }, conditions: null, storedVersions: null };
    definition.metadata.generation = 1;
    addStoredVersion(definition);
  },
  prepareForUpdate(next, stored) {
    if (stored.status === undefined) delete next.status;
    else next.status = structuredClone(stored.status);
    if (!sameJson(next.spec, stored.spec)) next.metadata.generation = (stored.metadata.generation ?? 0) + 1;
    addStoredVersion(next);
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
    const { managedFields, resourceVersion } = next.metadata;
    next.metadata = { ...stored.metadata };
    if (managedFields === undefined) delete next.metadata.managedFields;
    else next.metadata.managedFields = managedFields;
    if (resourceVersion !== undefined) next.metadata.resourceVersion = resourceVersion;
  },
  validate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
};

/** Objects may be stored in the storage version from now on. */
function addStoredVersion({ spec, status }: Definition): void {
  const storage = spec.versions?.find((version) => version.storage)?.name;
  if (storage === undefined || status === undefined) return;
  const stored = status.storedVersions ?? [];
  if (!stored.includes(storage)) status.storedVersions = [...stored, storage];
}
