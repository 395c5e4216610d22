import type { ClientPolicy } from "../policy-model.ts";
import { atMost, definedOrNone, milliseconds, type PolicyReader } from "./reader.ts";

/** The kernel refuses more: 32,767 seconds. */
const MOST = 32_767_000;

/** TCP keepalive, of clients or backends (`spec.tcpKeepalive`). */
export function keepalive(
  spec: { probes?: number; idleTime?: string; interval?: string } | undefined,
  reader: PolicyReader,
): ClientPolicy["keepalive"] {
  return definedOrNone<NonNullable<ClientPolicy["keepalive"]>>({
    probes: spec?.probes,
    idle: time(spec?.idleTime, "spec.tcpKeepalive.idleTime", reader),
    interval: time(spec?.interval, "spec.tcpKeepalive.interval", reader),
  });
}

function time(text: string | undefined, field: string, reader: PolicyReader): number | undefined {
  return atMost(milliseconds(text, field, reader), MOST, field, reader);
}
