import { chmodSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { FaultContext, Faults } from "./faults.ts";
import { FaultRefused, type FaultReply, type FaultRequest } from "./model.ts";

const MAX_REQUEST = 64 * 1024;

/**
 * Serves the lab's control socket (mode 0600, in the cluster's folder, so that only its owner gets at it): one request a
 * connection, one JSON line each way. The code of the faults is loaded with the first.
 */
export function serveControl(path: string, context: FaultContext): void {
  let loaded: Promise<Faults> | undefined;
  const faults = (): Promise<Faults> => {
    loaded ??= import("./faults.ts").then((module) => new module.Faults(context));
    return loaded;
  };
  const server = createServer((socket) => {
    void answer(socket, async (request) => ({ ok: true, faults: await (await faults()).serve(request) }));
  });
  // a path that is too long for a socket: faults cannot be made, all the rest works
  server.on("error", (error) => console.error(`control socket: ${error.message}`));
  rmSync(path, { force: true });
  server.listen(path, () => chmodSync(path, 0o600));
}

async function answer(socket: Socket, serve: (request: FaultRequest) => Promise<FaultReply>): Promise<void> {
  socket.on("error", () => socket.destroy());
  const text = await readLine(socket);
  if (text === undefined) return void socket.destroy();
  let reply: FaultReply;
  try {
    reply = await serve(JSON.parse(text) as FaultRequest);
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
