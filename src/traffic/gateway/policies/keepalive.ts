import type { ClientPolicy } from "../policy-model.ts";
import { definedOrNone, milliseconds, type PolicyReader } from "./reader.ts";

/** TCP keepalive, of clients or backends (`spec.tcpKeepalive`). */
export function keepalive(
  spec: { probes?: number; idleTime?: string; interval?: string } | undefined,
  reader: PolicyReader,
): ClientPolicy["keepalive"] {
  return definedOrNone<NonNullable<ClientPolicy["keepalive"]>>({
    probes: spec?.probes,
    idle: milliseconds(spec?.idleTime, "spec.tcpKeepalive.idleTime", reader),
    interval: milliseconds(spec?.interval, "spec.tcpKeepalive.interval", reader),
  });
}
