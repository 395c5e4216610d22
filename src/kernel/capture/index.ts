/** Sends a pod's TCP connections through its sidecar, over both families with one set of rules. */
export { applyCapture, type CaptureReport, removeCapture } from "./apply.ts";
export { gatewaysOfPod, linksOfPod } from "./gateways.ts";
export { CAPTURE_TABLE, captureScript, removalScript } from "./script.ts";
export {
  type CaptureSettings,
  DEFAULT_CAPTURE,
  INBOUND_SOURCES,
  PROXY_ID,
  type ProxyGuards,
  SIDECAR_PORTS,
} from "./settings.ts";
