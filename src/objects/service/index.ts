/**
 * What the API knows of Services besides their schema: defaults, validation, warnings. What depends on the
 * cluster's families and on free addresses is in the room `allocation`.
 */
export { defaultService } from "./defaults.ts";
export { dropTypeDependentFields } from "./drop-fields.ts";
export {
  clusterIPsOf,
  HEADLESS,
  hasNodePortType,
  ipFamiliesOf,
  isSelectorless,
  needsClusterIP,
  needsHealthCheckPort,
  portsOf,
  sameList,
} from "./predicates.ts";
export { validateService } from "./validate.ts";
export { validateClusterIPs } from "./validate-addresses.ts";
export { validateServiceStatusUpdate } from "./validate-status.ts";
export { validateServiceUpdate } from "./validate-update.ts";
export { serviceStatusWarnings, serviceWarnings } from "./warnings.ts";
