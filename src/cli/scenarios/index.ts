import { IPV6_HEALTH_PORT } from "./ipv6-health-port.ts";
import { IPV6_INGRESS } from "./ipv6-ingress.ts";
import { MESH_EXPERIMENT } from "./mesh-experiment.ts";
import type { Scenario } from "./scenario.ts";

/** The scenarios of `tandem lab run`, by their names. */
export const SCENARIOS: readonly Scenario[] = [IPV6_HEALTH_PORT, MESH_EXPERIMENT, IPV6_INGRESS];
