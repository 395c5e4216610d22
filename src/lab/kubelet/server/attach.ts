import type { RunningContainer } from "../running-container.ts";
import { resizeTerminal } from "../terminal.ts";
import { type CommandChannel, SUCCESS } from "./command-channel.ts";

/** What may be on its way to a client that reads slowly; beyond that it is let go. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;

/**
 * Joins a client with a running container: its output from now on, and its input where the container keeps it open
 * (`stdin: true`). With `stdinOnce` the input ends with the first client. The container's exit code is told by the
 * pod's status, not here.
 */
export function attach(channel: CommandChannel, running: RunningContainer): void {
  const { process } = running;
  let pending = 0;
  let over = false;
  const finish = (): void => {
    over = true;
    channel.finish(SUCCESS);
  };
  const stop = process.onOutput((name, chunk) => {
    if (over) return;
    pending += chunk.length;
    if (pending > MAX_PENDING_BYTES) return finish();
    channel.write(name, chunk, () => {
      pending -= chunk.length;
    });
  });
  const detach = joinInput(channel, running);
  channel.onResize((size) => resizeTerminal(process.pid, size, () => over));
  channel.onClose(() => {
    over = true;
    stop();
    detach();
  });
  void process.outputEnded.then(() => {
    if (!over) finish();
  });
}

/** The returned function takes the client's input away again. */
function joinInput({ stdin }: CommandChannel, { process, stdinOnce }: RunningContainer): () => void {
  const { input } = process;
  if (stdin === undefined) return () => {};
  if (input === undefined) {
    stdin.resume(); // nobody reads it, as with the real ones
    return () => {};
  }
  const giveUp = (): void => void stdin.resume();
  input.once("error", giveUp);
  stdin.pipe(input, { end: stdinOnce });
  return () => {
    input.off("error", giveUp);
    stdin.unpipe(input);
    if (stdinOnce) input.end();
  };
}
