/** Local rate limits of a BackendTrafficPolicy. */
import type { RateLimit } from "../policy-model.ts";
import type { BackendTrafficPolicy, RateLimitRule } from "./objects.ts";
import { cidr, cidrs, count, defined, noteMissing, type PolicyReader, refuse } from "./reader.ts";

const UNITS = { Second: 1000, Minute: 60_000, Hour: 3_600_000, Day: 86_400_000 } as const;

/** The buckets of a policy; each proxy has its own. */
export function rateLimits(
  { rateLimit }: BackendTrafficPolicy["spec"],
  reader: PolicyReader,
): readonly RateLimit[] | undefined {
  if (rateLimit === undefined) return undefined;
  if (rateLimit.type !== "Local")
    return refuse(
      reader,
      "spec.rateLimit.type",
      `${rateLimit.type} is not supported; each proxy counts for itself (Local)`,
    );
  if (rateLimit.local === undefined) return refuse(reader, "spec.rateLimit.local", "is missing");
  return rateLimit.local.rules.flatMap((rule, index) => {
    const limit = rateLimitOf(rule, `spec.rateLimit.local.rules[${index}]`, reader);
    return limit === undefined ? [] : [limit];
  });
}

function rateLimitOf(rule: RateLimitRule, field: string, reader: PolicyReader): RateLimit | undefined {
  const { requests, unit, burst } = rule.limit;
  const selectors = rule.clientSelectors ?? [];
  if (selectors.length > 1)
    return refuse(reader, `${field}.clientSelectors`, "several are not supported; write a rule for each");
  const { headers, sourceCIDR, sourceCIDRs } = selectors[0] ?? {};
  if (sourceCIDR !== undefined && sourceCIDRs !== undefined)
    return refuse(reader, `${field}.clientSelectors[0]`, "sourceCIDR and sourceCIDRs exclude each other");
  count(requests, `${field}.limit.requests`, reader);
  count(burst, `${field}.limit.burst`, reader);
  if (burst !== undefined && burst < requests)
    refuse(reader, `${field}.limit.burst`, `is less than requests (${requests})`);
  return defined<RateLimit>({
    requests,
    perMilliseconds: UNITS[unit],
    burst,
    headers: headers?.map(({ name, value, type }) =>
      defined<NonNullable<RateLimit["headers"]>[number]>({
        name: name.toLowerCase(),
        value: type === "Distinct" ? undefined : value,
        distinct: type === "Distinct" ? true : undefined,
      }),
    ),
    sources: sources(selectors[0], `${field}.clientSelectors[0]`, reader),
    distinctSource: (sourceCIDRs ?? sourceCIDR)?.type === "Distinct" ? true : undefined,
  });
}

type ClientSelector = NonNullable<RateLimitRule["clientSelectors"]>[number];

function sources(
  { sourceCIDR, sourceCIDRs }: ClientSelector = {},
  field: string,
  reader: PolicyReader,
): RateLimit["sources"] {
  const consequence = "the limit is not for clients of";
  if (sourceCIDRs !== undefined)
    return cidrs(sourceCIDRs.values, `${field}.sourceCIDRs.values`, reader, consequence);
  if (sourceCIDR === undefined) return undefined;
  const network = cidr(sourceCIDR.value, `${field}.sourceCIDR.value`, reader);
  const list = network === undefined ? [] : [network];
  noteMissing(list, `${field}.sourceCIDR`, reader, consequence);
  return list;
}
