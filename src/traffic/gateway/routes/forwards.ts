/** The backends of one rule, by weight. */
import type { BackendRef, HTTPBackendRef } from "../../../objects/gateway/index.ts";
import type { Forward, HeaderChanges, Share } from "../model.ts";
import { type RefUse, resolveBackendRef } from "./backend-ref.ts";
import { type RuleContext, rejectRule } from "./context.ts";
import { headerChanges } from "./header-changes.ts";

/**
 * The shares of backends; those of weight 0 are checked and left out. Undefined where nothing gets anywhere: no
 * backends, all of weight 0, none valid.
 */
export function forwardTo(
  refs: readonly BackendRef[],
  rule: RuleContext,
  use: Omit<RefUse, "route" | "field">,
  headers: (index: number) => ShareHeaders = () => ({}),
): Forward | undefined {
  const shares: Share[] = [];
  for (const [index, ref] of refs.entries()) {
    const weight = ref.weight ?? 1;
    const destination = resolveBackendRef(ref, {
      ...use,
      route: rule.route,
      field: `${rule.field}.backendRefs[${index}]`,
      needs: weight > 0 ? use.needs : undefined,
    });
    const changes = headers(index);
    if (weight > 0) shares.push({ weight, ...(destination !== undefined && { destination, ...changes }) });
  }
  return shares.some(({ destination }) => destination !== undefined) ? { shares } : undefined;
}

/** What a backend's own filters change. */
export interface ShareHeaders {
  requestHeaders?: HeaderChanges;
  responseHeaders?: HeaderChanges;
}

/** Reads the filters of one backend: only headers can be changed there (support is implementation-specific). */
export function shareHeaders(ref: HTTPBackendRef, rule: RuleContext, field: string): ShareHeaders {
  const result: ShareHeaders = {};
  for (const [index, filter] of (ref.filters ?? []).entries()) {
    const place = `${field}.filters[${index}]`;
    if (filter.type === "RequestHeaderModifier") {
      const changes = headerChanges(filter.requestHeaderModifier, rule, `${place}.requestHeaderModifier`);
      if (changes !== undefined) result.requestHeaders = changes;
    } else if (filter.type === "ResponseHeaderModifier") {
      const changes = headerChanges(filter.responseHeaderModifier, rule, `${place}.responseHeaderModifier`);
      if (changes !== undefined) result.responseHeaders = changes;
    } else
      rejectRule(
        rule,
        `${place}.type`,
        `${filter.type} is supported in the rule's filters, not in a backend's`,
      );
  }
  return result;
}
