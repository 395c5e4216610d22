/** How a cluster picks among its backends. */
import type { DestinationPolicy, LoadBalancing } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { duration, extension } from "./names.ts";

type Hash = Extract<LoadBalancing, { kind: "hash" }>;

/** The fields of a cluster that say how it balances; the default is least requests. */
export function loadBalancing(policy: DestinationPolicy, weightedParts: boolean): JsonObject {
  const { loadBalancing: by = { kind: "least-request" } } = policy;
  return {
    ...(by.kind === "hash" ? hashing(by) : classic(by.kind, policy.slowStart)),
    ...common(policy, weightedParts),
  };
}

function classic(kind: Exclude<LoadBalancing["kind"], "hash">, slowStart: number | undefined): JsonObject {
  const start = slowStart === undefined ? undefined : { slow_start_window: duration(slowStart) };
  if (kind === "random") return { lb_policy: "RANDOM" };
  if (kind === "round-robin") {
    return {
      lb_policy: "ROUND_ROBIN",
      ...(start && { round_robin_lb_config: { slow_start_config: start } }),
    };
  }
  return {
    lb_policy: "LEAST_REQUEST",
    ...(start && { least_request_lb_config: { slow_start_config: start } }),
  };
}

/** What is hashed is said by the cluster (not by its routes), so that it holds for all that name it. */
function hashing(by: Hash): JsonObject {
  const maglev = extension(
    "envoy.load_balancing_policies.maglev",
    "envoy.extensions.load_balancing_policies.maglev.v3.Maglev",
    { consistent_hashing_lb_config: { hash_policy: [hashPolicy(by)] } },
  );
  return { load_balancing_policy: { policies: [{ typed_extension_config: maglev }] } };
}

function hashPolicy({ by, name = "", ttl }: Hash): JsonObject {
  if (by === "source") return { connection_properties: { source_ip: true } };
  if (by === "header") return { header: { header_name: name } };
  return { cookie: { name, ...(ttl !== undefined && { ttl: `${ttl}s` }) } };
}

function common({ panicThreshold }: DestinationPolicy, weightedParts: boolean): JsonObject {
  if (panicThreshold === undefined && !weightedParts) return {};
  return {
    common_lb_config: {
      ...(panicThreshold !== undefined && { healthy_panic_threshold: { value: panicThreshold } }),
      ...(weightedParts && { locality_weighted_lb_config: {} }),
    },
  };
}
