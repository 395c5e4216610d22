import { setTimeout as sleep } from "node:timers/promises";
import type { Probe } from "../../objects/types.ts";
import { type ProbeTarget, tryProbe } from "./probe.ts";

/** A lifecycle handler: postStart or preStop. */
type Handler = Pick<Probe, "httpGet" | "exec" | "tcpSocket"> & { sleep?: { seconds: number } };

/** Runs a lifecycle hook once; true when it succeeded within the time. */
export async function runHook(handler: Handler, target: ProbeTarget, timeoutMs: number): Promise<boolean> {
  if (handler.sleep !== undefined) {
    await sleep(Math.min(handler.sleep.seconds * 1_000, timeoutMs));
    return true;
  }
  const timeoutSeconds = Math.max(0.001, timeoutMs / 1_000);
  return (await tryProbe({ ...handler, timeoutSeconds }, target)).ok;
}
