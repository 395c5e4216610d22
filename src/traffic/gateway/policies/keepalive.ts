import type { ClientPolicy } from "../policy-model.ts";
import { definedOrNone, milliseconds, type PolicyReader, refuse } from "./reader.ts";

/** The kernel refuses more: 32,767 seconds. */
const MOST = 32_767_000;

/** TCP keepalive, of clients or backends (`spec.tcpKeepalive`). */
export function keepalive(
  spec: { probes?: number; idleTime?: string; interval?: string } | undefined,
  reader: PolicyReader,
): ClientPolicy["keepalive"] {
  return definedOrNone<NonNullable<ClientPolicy["keepalive"]>>({
    probes: spec?.probes,
    idle: atMost(spec?.idleTime, "spec.tcpKeepalive.idleTime", reader),
    interval: atMost(spec?.interval, "spec.tcpKeepalive.interval", reader),
  });
}

function atMost(text: string | undefined, field: string, reader: PolicyReader): number | undefined {
  const value = milliseconds(text, field, reader);
  if (value === undefined || value <= MOST) return value;
  return refuse(reader, field, `${text} is longer than 32767s, which is all that the kernel takes`);
}
