/** Whether a webhook is to be asked about a request (apiserver pkg/admission/plugin/webhook/{predicates,matchconditions}). */
import { evaluateCondition } from "../../objects/crd/index.ts";
import { matchesLabelSelector } from "../../objects/index.ts";
import { KINDS, type Kind } from "../../objects/kinds.ts";
import { forbiddenRequest } from "../../objects/status.ts";
import type { AnyObject, LabelSelector } from "../../objects/types.ts";
import { type Webhook, type WebhookRule, WEBHOOKS_GROUP } from "../../objects/webhooks/types.ts";
import type { ApiContext } from "../context.ts";
import { keyOf } from "../registry/keys.ts";
import type { Attributes, Operation } from "./attributes.ts";
import { requestOf } from "./review.ts";

/** What a request is about, before its object is known. */
export interface Question {
  readonly kind: Kind;
  readonly operations: readonly Operation[];
  readonly subresource?: string | undefined;
}

/** Whether a webhook's rules leave it possible that it is to be asked; versions and selectors do not count. */
export function mayMatch({ rules = [] }: Webhook, { kind, operations, subresource }: Question): boolean {
  return rules.some(
    (rule) =>
      operations.some((operation) => has(rule.operations, operation)) &&
      has(rule.apiGroups, kind.group) &&
      (rule.resources ?? []).some((resource) => resourceMatches(resource, kind.plural, subresource)),
  );
}

function has(values: string[] | undefined, value: string): boolean {
  return values !== undefined && (values.includes("*") || values.includes(value));
}

/** Whether no webhook is ever asked about objects of a kind: those that register webhooks themselves. */
export function isExempt(kind: Kind): boolean {
  return kind.group === WEBHOOKS_GROUP;
}

/**
 * The kind in whose version a webhook is to see the request; undefined when it is not to be asked.
 * @throws ApiError 403 when a match condition fails and so does the webhook's policy
 */
export function matchedKind(webhook: Webhook, attributes: Attributes, context: ApiContext): Kind | undefined {
  const kind = kindByRules(webhook, attributes, context);
  if (kind === undefined) return undefined;
  if (!selectsNamespace(webhook.namespaceSelector, attributes, context)) return undefined;
  if (!selectsObject(webhook.objectSelector, attributes)) return undefined;
  return conditionsHold(webhook, attributes) ? kind : undefined;
}

/** By policy Equivalent another served version of the same resource will do, too. */
function kindByRules(webhook: Webhook, attributes: Attributes, { resources }: ApiContext): Kind | undefined {
  const rules = webhook.rules ?? [];
  const { kind } = attributes;
  const matches = (candidate: Kind): boolean =>
    rules.some((rule) => ruleMatches(rule, attributes, candidate));
  if (matches(kind)) return kind;
  if (webhook.matchPolicy === "Exact" || kind.custom === undefined) return undefined;
  return resources
    .all()
    .find((other) => other.group === kind.group && other.plural === kind.plural && matches(other));
}

function ruleMatches(rule: WebhookRule, attributes: Attributes, kind: Kind): boolean {
  return (
    has(rule.operations, attributes.operation) &&
    has(rule.apiGroups, kind.group) &&
    has(rule.apiVersions, kind.version) &&
    scopeMatches(rule.scope ?? "*", attributes) &&
    (rule.resources ?? []).some((resource) => resourceMatches(resource, kind.plural, attributes.subresource))
  );
}

/** A namespace counts as a cluster's, although its requests carry its own name as their namespace. */
function scopeMatches(scope: string, { kind, namespace }: Attributes): boolean {
  if (scope === "*") return true;
  const isNamespaced = kind.plural !== "namespaces" && (namespace ?? "") !== "";
  return (scope === "Namespaced") === isNamespaced;
}

/** `pods`, `pods/exec`, `pods/*`, `*` (no subresources), `*` + `/*`. */
function resourceMatches(rule: string, plural: string, subresource = ""): boolean {
  const [resource, sub = ""] = rule.split("/");
  return (resource === "*" || resource === plural) && (sub === "*" || sub === subresource);
}

function isEmpty(selector: LabelSelector | undefined): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}

function selectsNamespace(
  selector: LabelSelector | undefined,
  attributes: Attributes,
  { store }: ApiContext,
): boolean {
  if (isEmpty(selector)) return true;
  const { kind, object, oldObject, name } = attributes;
  const isNamespace = kind === KINDS.Namespace;
  const namespace = isNamespace ? name : (attributes.namespace ?? "");
  if (!isNamespace && namespace === "") return true;
  const own = isNamespace ? (object ?? oldObject) : undefined;
  const stored = own === undefined ? store.get(keyOf(KINDS.Namespace, undefined, namespace)) : undefined;
  const found = own ?? (stored && (JSON.parse(stored.value) as AnyObject));
  return matchesLabelSelector(selector, found?.metadata.labels ?? {});
}

/** An object without labels matches what asks for none; where there is no object at all, nothing matches. */
function selectsObject(selector: LabelSelector | undefined, { object, oldObject }: Attributes): boolean {
  if (isEmpty(selector)) return true;
  return [object, oldObject].some(
    (each) => each?.metadata !== undefined && matchesLabelSelector(selector, each.metadata.labels ?? {}),
  );
}

/** Any that is false skips the webhook, whatever fails beside it. */
function conditionsHold(webhook: Webhook, attributes: Attributes): boolean {
  const conditions = webhook.matchConditions ?? [];
  if (conditions.length === 0) return true;
  const bindings = {
    object: attributes.object ?? null,
    oldObject: attributes.oldObject ?? null,
    request: requestOf(attributes, ""),
  };
  const results = conditions.map(({ name, expression }) => ({
    name,
    result: evaluateCondition(expression, bindings),
  }));
  if (results.some(({ result }) => result === false)) return false;
  const failed = results.filter(({ result }) => result !== true);
  if (failed.length === 0) return true;
  if (webhook.failurePolicy === "Ignore") return false;
  const texts = failed.map(
    ({ name, result }) => `match condition ${JSON.stringify(name)}: ${(result as Error).message}`,
  );
  const { kind, name } = attributes;
  throw forbiddenRequest({ group: kind.group, kind: kind.plural }, name, texts.join(", "));
}
