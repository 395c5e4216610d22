import { askLab } from "../ask.ts";
import type { Fault, FaultReply, FaultRequest } from "./model.ts";

/**
 * Asks a running lab for faults, from the host. Resolves with those that were made, mended or listed.
 * @throws UserError with the lab's reason, or when it cannot be asked
 */
export async function askFaults(stateDir: string, request: FaultRequest): Promise<readonly Fault[]> {
  const what = request.op === "list" ? "cannot list faults" : `cannot ${request.op} it`;
  return (await askLab<Extract<FaultReply, { ok: true }>>(stateDir, request, what)).faults;
}
