import type { PolicyRule } from "../../../objects/rbac/types.ts";
import { type Attributes, isResource, type ResourceAttributes } from "../attributes.ts";

/** Whether a rule allows something (pkg/apis/rbac/v1/evaluation_helpers.go). */
export function ruleAllows(rule: PolicyRule, wanted: Attributes): boolean {
  if (!hasOrAll(rule.verbs, wanted.verb)) return false;
  if (!isResource(wanted)) return urlMatches(rule.nonResourceURLs, wanted.path);
  return (
    hasOrAll(rule.apiGroups, wanted.group) &&
    resourceMatches(rule.resources, wanted) &&
    nameMatches(rule.resourceNames, wanted.name)
  );
}

function hasOrAll(values: readonly string[] | null | undefined, wanted: string): boolean {
  return values != null && (values.includes(wanted) || values.includes("*"));
}

/** `*` is everything, subresources included; `pods` is not its subresources; `*` + `/scale` is every such subresource. */
function resourceMatches(
  values: readonly string[] | undefined,
  { resource, subresource }: ResourceAttributes,
): boolean {
  if (values === undefined) return false;
  if (subresource === "") return hasOrAll(values, resource);
  return hasOrAll(values, `${resource}/${subresource}`) || values.includes(`*/${subresource}`);
}

function nameMatches(names: readonly string[] | undefined, wanted: string): boolean {
  return names === undefined || names.length === 0 || names.includes(wanted);
}

function urlMatches(urls: readonly string[] | undefined, path: string): boolean {
  return urls?.some((url) => url === path || urlCovers(url, path)) ?? false;
}

/** `/api/*` covers what begins with `/api/`. */
export function urlCovers(url: string, path: string): boolean {
  return url === path || (url.endsWith("*") && path.startsWith(url.replace(/\*+$/, "")));
}
