import { type Kind, KINDS } from "../../../objects/kinds.ts";
import type { AnyObject } from "../../../objects/types.ts";
import type { Answer, Call } from "../../http/call.ts";
import { methodNotAllowed, resourceNotServed } from "../../http/replies.ts";
import { readObject } from "../../rest/body.ts";
import { objectReply } from "../../rest/negotiate.ts";
import { writeQuery } from "../../rest/options.ts";
import type { Target } from "../../rest/target.ts";
import type { Access } from "../access.ts";
import type { User } from "../user.ts";
import { reviewLocalAccess, reviewOwnAccess, reviewOwnRules, reviewSubjectAccess } from "./authorization.ts";
import { reviewSelf, reviewToken } from "./authentication.ts";

/** Who asks, and where. */
export interface Asker {
  readonly access: Access;
  readonly user: User;
  /** "" outside of namespaces. */
  readonly namespace: string;
}

/** Answers a review: the object with its status, and what else it changes. @throws ApiError 400, 422 */
export type Review = (asker: Asker, review: AnyObject) => AnyObject;

const REVIEWS = new Map<Kind, Review>([
  [KINDS.TokenReview, reviewToken],
  [KINDS.SelfSubjectReview, reviewSelf],
  [KINDS.SubjectAccessReview, reviewSubjectAccess],
  [KINDS.SelfSubjectAccessReview, reviewOwnAccess],
  [KINDS.LocalSubjectAccessReview, reviewLocalAccess],
  [KINDS.SelfSubjectRulesReview, reviewOwnRules],
]);

/** Whether objects of a kind are questions about access, answered at once and never stored. */
export function isReview(kind: Kind): boolean {
  return REVIEWS.has(kind);
}

/** POST of a review. @throws ApiError */
export async function serveReview(call: Call, target: Target): Promise<Answer> {
  const { kind, namespace, name, context } = target;
  if (name !== undefined || (kind.namespaced && namespace === undefined)) throw resourceNotServed();
  if (call.method !== "POST") throw methodNotAllowed();
  const { object, warnings } = await readObject(call, kind, writeQuery(call, "create").fieldValidation);
  object.metadata ??= {} as AnyObject["metadata"];
  const asker = { access: context.access, user: call.user, namespace: namespace ?? "" };
  const { kind: own, apiVersion, ...answer } = REVIEWS.get(kind)!(asker, object);
  const text = JSON.stringify({ kind: own, apiVersion, ...answer });
  return objectReply(call, kind, text, { status: 201, warnings });
}
