import { UserError } from "../../errors/user-error.ts";
import type { PartMessage } from "../../lab/init/supervise.ts";
import { keepCompiledCode } from "../memory.ts";

/** Tells the lab's init that this part works. */
export function reportReady(): void {
  send({ type: "ready" });
  // parts end with the lab's init, by SIGKILL
  keepCompiledCode();
}

/** Tells the lab's init why this part cannot start, and ends it. */
export function reportFailure(part: string, error: unknown): never {
  console.error(error);
  const parts =
    error instanceof UserError
      ? error.parts
      : { what: "cannot start the cluster", where: part, why: (error as Error).message, cause: undefined };
  send({ type: "failed", error: { ...parts, cause: undefined } });
  process.exit(1);
}

function send(message: PartMessage): void {
  process.send?.(message);
}
