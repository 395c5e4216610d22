import { admitCreate, beforeCreate, beforeUpdate } from "../../objects/index.ts";
import { type Kind, KINDS } from "../../objects/kinds.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { Transaction } from "../../store/contract.ts";
import type { ApiContext } from "../context.ts";
import { holdForCleanup } from "../crd/hold.ts";
import { serviceStrategy } from "./services.ts";

/** One write of an object, inside its transaction. */
export interface WriteScope {
  readonly context: ApiContext;
  readonly tx: Transaction<string>;
  readonly kind: Kind;
  readonly dryRun: boolean;
}

/** What a kind does of its own when its objects are written. All throw ApiError; the results are texts of warnings. */
export interface Strategy {
  create(scope: WriteScope, object: AnyObject): readonly string[];
  update(scope: WriteScope, next: AnyObject, stored: AnyObject, subresource?: string): readonly string[];
  /** The object is asked to go; what is changed of it holds it back. */
  deleting?(scope: WriteScope, object: AnyObject): void;
  /** The object is truly gone: no finalizer held it. */
  deleted?(scope: WriteScope, object: AnyObject): void;
}

const generic: Strategy = {
  create: ({ kind }, object) => {
    admitCreate(kind, object);
    return beforeCreate(kind, object);
  },
  update: ({ kind }, next, stored, subresource) => beforeUpdate(kind, next, stored, subresource),
};

const definitions: Strategy = {
  ...generic,
  deleting: ({ context }, object) => holdForCleanup(object, context.now()),
};

/** The strategy of a kind. */
export function strategyOf(kind: Kind): Strategy {
  if (kind === KINDS.CustomResourceDefinition) return definitions;
  return kind.group === "" && kind.kind === "Service" ? serviceStrategy : generic;
}
