import { createService, deleteService, updateService, updateServiceStatus } from "../../allocation/index.ts";
import type { FieldError } from "../../objects/field-errors.ts";
import { KINDS, metadataErrors, prepareForUpdate } from "../../objects/index.ts";
import type { AnyObject, Service } from "../../objects/types.ts";
import { keyOf } from "./keys.ts";
import { ledgerOf } from "./ledger.ts";
import type { Strategy, WriteScope } from "./strategy.ts";

/** Allocation prepares spec and status by itself, in an order of its own. */
const METADATA_ONLY = "metadata";

/** Services get their families, addresses and ports in the transaction that writes them. */
export const serviceStrategy: Strategy = {
  create: (scope, object) => {
    const service = object as unknown as Service;
    const { context, dryRun } = scope;
    return createService(ledger(scope, object), context.network, service, { dryRun, validateMetadata })
      .warnings;
  },
  update: (scope, next, stored, subresource) => {
    const [to, from] = [next as unknown as Service, stored as unknown as Service];
    const { context, dryRun } = scope;
    prepareForUpdate(scope.kind, next, stored, METADATA_ONLY);
    if (subresource === "status") return updateServiceStatus(to, from, { dryRun, validateMetadata }).warnings;
    return updateService(ledger(scope, stored), context.network, to, from, { dryRun, validateMetadata })
      .warnings;
  },
  deleted: (scope, object) => {
    const { namespace, name } = object.metadata;
    deleteService(ledger(scope, object), scope.context.network, object as unknown as Service);
    scope.tx.delete(keyOf(KINDS.Endpoints, namespace, name));
  },
};

function ledger({ tx, context }: WriteScope, { metadata }: AnyObject): ReturnType<typeof ledgerOf> {
  return ledgerOf(tx, `${metadata.namespace}/${metadata.name}`, context.now());
}

function validateMetadata(service: Service, stored?: Service): readonly FieldError[] {
  return metadataErrors(KINDS.Service, service, stored);
}
