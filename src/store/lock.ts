import { closeSync, openSync, unlinkSync } from "node:fs";
import { connect, createServer } from "node:net";
import { UserError } from "../errors/user-error.ts";

/** Holds a store's directory for this process until released or the process ends. */
export interface DirectoryLock {
  release(): void;
}

const LOCK_NAME = "in-use.sock";

/**
 * Takes a directory for this process alone. The lock is a listening unix socket in it: the kernel drops it with the
 * process, it works across pid and network namespaces, and a stale one refuses connections.
 * @throws UserError when another process holds it
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  // a socket's path has at most 107 bytes; by way of the open directory every path is short
  const folder = openSync(directory, "r");
  const path = `/proc/self/fd/${folder}/${LOCK_NAME}`;
  try {
    if (await answers(path)) throw inUse(directory);
    unlinkIfThere(path);
    const server = await listen(path, directory);
    return {
      release: () => {
        server.close();
        unlinkIfThere(path);
        closeSync(folder);
      },
    };
  } catch (error) {
    closeSync(folder);
    throw error;
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function listen(path: string, directory: string): Promise<{ close(): void }> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(cause.code === "EADDRINUSE" ? inUse(directory) : notWritable(directory, cause));
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // not there, or not ours to remove: listening then says why
  }
}

function inUse(directory: string): UserError {
  return new UserError({
    what: "cannot open the store",
    where: directory,
    why: "another process uses it",
    next: "stop that process, or start with another --data-dir",
  });
}

function notWritable(directory: string, cause: Error): UserError {
  return new UserError({
    what: "cannot open the store",
    where: directory,
    why: `it is not writable: ${cause.message}`,
    next: "make it writable for this user, or start with another --data-dir",
    cause,
  });
}
