import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { type Agent, request } from "node:https";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** `tandem apiserver` as a process of its own. */
export interface ServerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly token: string;
}

/** What a process that ended said. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

function launch(args: readonly string[]): ChildProcess {
  const main = join(ROOT, "src/cli/main.ts");
  return spawn(process.execPath, [main, "apiserver", ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs the command until it ends by itself. */
export function runToEnd(args: readonly string[]): Promise<Ended> {
  return ended(launch(args));
}

/** Waits for a process; tells what it said from now on. */
export function ended(child: ChildProcess): Promise<Ended> {
  let [out, error] = ["", ""];
  child.stdout?.on("data", (text) => {
    out += text;
  });
  child.stderr?.on("data", (text) => {
    error += text;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, error })));
}

/** Starts the command and waits until it serves. */
export async function startProcess(dataDir: string, args: readonly string[] = []): Promise<ServerProcess> {
  const child = launch([`--data-dir=${dataDir}`, "--secure-port=0", ...args]);
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on("data", (text: Buffer) => {
      const found = /https:\/\/[^ \n]+/.exec(text.toString());
      if (found !== null) resolve(found[0]);
    });
    child.stderr!.on("data", (text: Buffer) => reject(new Error(text.toString())));
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { child, url, token: readFileSync(join(dataDir, "token"), "utf8").trim() };
}

/** Sends one request; the status is 0 when the connection broke. */
export function send(
  server: Pick<ServerProcess, "url" | "token">,
  agent: Agent,
  method: string,
  path: string,
  body?: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: answers are read by path
): Promise<{ status: number; body: any }> {
  const data = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${server.token}`,
    ...(data === undefined
      ? {}
      : { "content-type": "application/json", "content-length": String(Buffer.byteLength(data)) }),
  };
  return new Promise((resolve) => {
    const call = request(server.url + path, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) }),
      );
      response.on("error", () => resolve({ status: 0, body: undefined }));
    });
    call.on("error", () => resolve({ status: 0, body: undefined }));
    call.end(data);
  });
}
