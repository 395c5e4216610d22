import type { Kind } from "../../objects/kinds.ts";
import type { ApiContext } from "../context.ts";

/** What a request of the API is about. */
export interface Target {
  readonly context: ApiContext;
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}
