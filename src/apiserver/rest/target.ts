import type { Kind } from "../../objects/kinds.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { ApiContext } from "../context.ts";

/** What a request of the API is about. */
export interface Target {
  readonly context: ApiContext;
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** How a watch shows its objects, where that is another kind than they are stored as. */
  readonly view?: { readonly kind: Kind; show(stored: AnyObject): AnyObject };
}
