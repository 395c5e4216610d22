/** Retries. */
import type { RetryPolicy } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { duration, extension } from "./names.ts";

const OTHER_HOST = extension(
  "envoy.retry_host_predicates.previous_hosts",
  "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
);

/**
 * What holds where a route says nothing: another host is tried when none has seen the request, so that a backend that
 * has just gone, or one of its families, costs no request. Safe for every method; for those that change nothing
 * http-filters.ts adds `reset`. Pauses are short, as what is tried next is another connection or host.
 */
export const DEFAULT_RETRY: JsonObject = {
  retry_on: "connect-failure,refused-stream,reset-before-request",
  num_retries: 3,
  retry_back_off: { base_interval: "0.005s", max_interval: "0.100s" },
  retry_host_predicate: [OTHER_HOST],
  host_selection_retry_max_attempts: 3,
};

/** A rule's own retries; `backendTimeout` (ms) bounds each try unless the policy does. */
export function retryPolicy(policy: RetryPolicy | undefined, backendTimeout = 0): JsonObject | undefined {
  if (policy === undefined) return undefined;
  const perTry = policy.perTryTimeout ?? backendTimeout;
  const conditions = [
    ...policy.conditions,
    ...(policy.statuses.length > 0 ? ["retriable-status-codes"] : []),
  ];
  return {
    retry_on: conditions.join(","),
    num_retries: policy.attempts,
    ...(policy.statuses.length > 0 && { retriable_status_codes: policy.statuses }),
    ...(perTry > 0 && { per_try_timeout: duration(perTry) }),
    ...(policy.backoff && {
      retry_back_off: {
        base_interval: duration(Math.max(1, policy.backoff.base)),
        ...(policy.backoff.max !== undefined && {
          max_interval: duration(Math.max(policy.backoff.base, policy.backoff.max)),
        }),
      },
    }),
    retry_host_predicate: [OTHER_HOST],
    host_selection_retry_max_attempts: 3,
  };
}
