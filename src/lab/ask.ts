/** Questions to a running lab, from the host, over its control socket. */
import { connect } from "node:net";
import { UserError } from "../errors/user-error.ts";
import { statePaths } from "./config.ts";
import { readLine } from "./faults/control.ts";
import type { FaultReply } from "./faults/model.ts";
import type { PartState } from "./init/part-state.ts";

/** The answer to a refused or unanswered question, in the parts of a user's error. */
type Refused = Extract<FaultReply, { ok: false }>;

/**
 * Sends one request and gives the answer to it.
 * @param what what is not done where this fails
 * @param limit how long an answer may take, in ms; without it as long as the lab is there
 * @throws UserError with the lab's reason, or when it cannot be asked
 */
export async function askLab<Answer extends { readonly ok: true }>(
  stateDir: string,
  request: object,
  what: string,
  limit?: number,
): Promise<Answer> {
  const path = statePaths(stateDir).control;
  const socket = connect(path);
  let failure = "the lab did not answer";
  socket.on("error", (error) => {
    failure = error.message;
  });
  if (limit !== undefined) socket.setTimeout(limit, () => socket.destroy());
  socket.write(`${JSON.stringify(request)}\n`);
  const text = await readLine(socket);
  socket.destroy();
  const reply: Answer | Refused =
    text === undefined
      ? { ok: false, why: failure, where: path, next: "tandem down, then tandem up" }
      : (JSON.parse(text) as Answer | Refused);
  if (reply.ok) return reply;
  throw new UserError({ what, where: reply.where, why: reply.why, next: reply.next });
}

/** The answer to `{op: "parts"}`. */
export interface PartsReply {
  readonly ok: true;
  readonly parts: readonly PartState[];
}

const PARTS_LIMIT_MS = 5_000;

/** What a lab's processes do: control plane, gateway, mesh, balancer, nodes. @throws UserError when it cannot be asked */
export async function askParts(stateDir: string): Promise<readonly PartState[]> {
  const what = "cannot say what runs of the cluster";
  return (await askLab<PartsReply>(stateDir, { op: "parts" }, what, PARTS_LIMIT_MS)).parts;
}
