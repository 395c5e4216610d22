import { chmodSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { PartState } from "../init/part-state.ts";
import type { FaultContext, Faults } from "./faults.ts";
import { FaultRefused, type FaultReply, type FaultRequest } from "./model.ts";

/** What the control socket answers with: faults, and what the lab's processes do. */
export interface ControlContext extends FaultContext {
  readonly parts: () => readonly PartState[];
}

type Request = FaultRequest | { readonly op: "parts" };
type Reply = FaultReply | { readonly ok: true; readonly parts: readonly PartState[] };

const MAX_REQUEST = 64 * 1024;

/**
 * Serves the lab's control socket (mode 0600, in the cluster's folder, so that only its owner gets at it): one request a
 * connection, one JSON line each way. `{op: "parts"}` asks what runs, all else is about faults. The code of the faults is
 * loaded with the first.
 */
export function serveControl(path: string, context: ControlContext): void {
  let loaded: Promise<Faults> | undefined;
  const faults = (): Promise<Faults> => {
    loaded ??= import("./faults.ts").then((module) => new module.Faults(context));
    return loaded;
  };
  const server = createServer((socket) => {
    void answer(socket, async (request) =>
      request.op === "parts"
        ? { ok: true, parts: context.parts() }
        : { ok: true, faults: await (await faults()).serve(request) },
    );
  });
  // a path that is too long for a socket: faults cannot be made, all the rest works
  server.on("error", (error) => console.error(`control socket: ${error.message}`));
  rmSync(path, { force: true });
  server.listen(path, () => chmodSync(path, 0o600));
}

async function answer(socket: Socket, serve: (request: Request) => Promise<Reply>): Promise<void> {
  socket.on("error", () => socket.destroy());
  const text = await readLine(socket);
  if (text === undefined) return void socket.destroy();
  let reply: Reply;
  try {
    reply = await serve(JSON.parse(text) as Request);
  } catch (error) {
    reply =
      error instanceof FaultRefused
        ? { ok: false, why: error.message, where: error.where, next: error.next }
        : { ok: false, why: (error as Error).message, where: "the lab's init", next: "tandem lab faults" };
  }
  socket.end(`${JSON.stringify(reply)}\n`);
}

/** The first line; undefined when the other side ends before it, or sends too much. */
export function readLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > MAX_REQUEST) resolve(undefined);
    });
    socket.on("close", () => resolve(undefined));
  });
}
