import { RESOURCE_KINDS, type ResourceKind, TYPE_URLS } from "../resources.ts";
import type { Refused } from "./acknowledge.ts";
import type { Response } from "./messages.ts";
import type { Batch } from "./plan.ts";
import type { View } from "./view.ts";

/** What a request did. */
export type Received =
  | { readonly type: "subscribed" }
  | { readonly type: "acknowledged" }
  | { readonly type: "refused"; readonly refused: readonly Refused[] }
  /** A kind of resource that Tandem does not serve: left unanswered, as the protocol has it. */
  | { readonly type: "unknown"; readonly typeUrl: string };

/** One protocol's reading of requests and making of responses over a view. Pure: time comes in, bytes stay out. */
export interface Protocol<Request> {
  receive(view: View, request: Request, now: number): Received;
  respond(view: View, batch: Batch): Response;
}

const KINDS = new Map<string, ResourceKind>(RESOURCE_KINDS.map((kind) => [TYPE_URLS[kind], kind]));

/** The kind of resource with a type URL. */
export function kindOf(typeUrl: string): ResourceKind | undefined {
  return KINDS.get(typeUrl);
}
