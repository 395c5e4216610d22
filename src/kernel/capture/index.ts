/** Sends a pod's TCP connections through its sidecar, over both families with one set of rules. */
export { applyCapture, type CaptureReport, removeCapture } from "./apply.ts";
export { gatewaysOfPod, linksOfPod } from "./gateways.ts";
export { captureScript } from "./script.ts";
export { type CaptureSettings, DEFAULT_CAPTURE, type ProxyGuards } from "./settings.ts";
