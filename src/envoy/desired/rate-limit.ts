/** Local rate limits: token buckets in each proxy. */
import type { RateLimit } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { ALWAYS, any, cidrRange } from "./names.ts";

/** Envoy refuses refills that are more frequent. */
const LEAST_REFILL_MS = 50;
/** How many buckets a limit "per value" may have; the least recently used goes. */
const MOST_BUCKETS = 10_000;
const UNLIMITED = { max_tokens: 4_294_967_295, tokens_per_fill: 4_294_967_295, fill_interval: "1s" };

/**
 * The limits of one route. The first without conditions is the filter's own bucket; each other one has a descriptor,
 * which requests get that fulfil its conditions. A request counts against all that it gets.
 */
export function localRateLimit(limits: readonly RateLimit[]): JsonObject {
  const plain = limits.find(isUnconditional);
  const others = limits.filter((limit) => limit !== plain);
  return any("envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit", {
    stat_prefix: "route",
    token_bucket: plain ? tokenBucket(plain) : UNLIMITED,
    filter_enabled: ALWAYS,
    filter_enforced: ALWAYS,
    ...(others.length > 0 && {
      rate_limits: others.map((limit, index) => ({ actions: actions(limit, index) })),
      descriptors: others.map((limit, index) => ({
        entries: entries(limit, index),
        token_bucket: tokenBucket(limit),
      })),
      max_dynamic_descriptors: MOST_BUCKETS,
    }),
  });
}

function isUnconditional(limit: RateLimit): boolean {
  return !limit.headers?.length && !limit.sources?.length && !limit.distinctSource;
}

function tokenBucket({ requests, perMilliseconds, burst }: RateLimit): JsonObject {
  const interval = Math.max(LEAST_REFILL_MS, perMilliseconds);
  return {
    max_tokens: Math.max(1, burst ?? requests),
    tokens_per_fill: Math.max(1, requests),
    fill_interval: `${interval / 1000}s`,
  };
}

/** What a request must fulfil; each part gives an entry, and one that gives none takes the limit off the request. */
function actions(limit: RateLimit, index: number): JsonObject[] {
  return [
    { generic_key: { descriptor_key: "limit", descriptor_value: String(index) } },
    ...(limit.headers ?? []).map(({ name, value, distinct }, place): JsonObject => {
      if (distinct) return { request_headers: { header_name: name, descriptor_key: `header-${place}` } };
      const match = value === undefined ? { present_match: true } : { string_match: { exact: value } };
      return {
        header_value_match: {
          descriptor_key: `header-${place}`,
          descriptor_value: "match",
          headers: [{ name, ...match }],
        },
      };
    }),
    ...(limit.sources?.length
      ? [
          {
            remote_address_match: {
              descriptor_key: "source",
              descriptor_value: "match",
              address_matcher: { ranges: limit.sources.map(cidrRange) },
            },
          },
        ]
      : []),
    ...(limit.distinctSource ? [{ remote_address: {} }] : []),
  ];
}

/** The entries that the actions give; one without a value has a bucket per value. */
function entries(limit: RateLimit, index: number): JsonObject[] {
  return [
    { key: "limit", value: String(index) },
    ...(limit.headers ?? []).map(({ distinct }, place) => ({
      key: `header-${place}`,
      ...(!distinct && { value: "match" }),
    })),
    ...(limit.sources?.length ? [{ key: "source", value: "match" }] : []),
    ...(limit.distinctSource ? [{ key: "remote_address" }] : []),
  ];
}
