import { connect } from "node:net";
import { UserError } from "../../errors/user-error.ts";
import { statePaths } from "../config.ts";
import { readLine } from "./control.ts";
import type { Fault, FaultReply, FaultRequest } from "./model.ts";

/**
 * Asks a running lab for faults, from the host. Resolves with those that were made, mended or listed.
 * @throws UserError with the lab's reason, or when it cannot be asked
 */
export async function askFaults(stateDir: string, request: FaultRequest): Promise<readonly Fault[]> {
  const what = request.op === "list" ? "cannot list faults" : `cannot ${request.op} it`;
  const socket = connect(statePaths(stateDir).control);
  let failure = "the lab did not answer";
  socket.on("error", (error) => {
    failure = error.message;
  });
  socket.write(`${JSON.stringify(request)}\n`);
  const text = await readLine(socket);
  socket.destroy();
  const reply: FaultReply =
    text === undefined
      ? { ok: false, why: failure, where: statePaths(stateDir).control, next: "tandem down, then tandem up" }
      : (JSON.parse(text) as FaultReply);
  if (reply.ok) return reply.faults;
  throw new UserError({ what, where: reply.where, why: reply.why, next: reply.next });
}
