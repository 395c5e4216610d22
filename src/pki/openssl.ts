import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { UserError } from "../errors/user-error.ts";

const run = promisify(execFile);

/** Runs one script with openssl commands in a directory. @throws UserError when openssl is missing or fails */
export async function runOpensslScript(script: string, directory: string): Promise<void> {
  try {
    await run("sh", ["-ec", script], { cwd: directory, timeout: 30_000 });
  } catch (cause) {
    const { code, stderr } = cause as { code?: unknown; stderr?: string };
    const missing = code === 127 || /not found/.test(stderr ?? "");
    throw new UserError({
      what: "cannot make certificates",
      where: directory,
      why: missing ? "the program openssl is not installed" : (stderr ?? String(cause)).trim(),
      next: missing ? "install it: apt-get install openssl" : "look at the message of openssl above",
      cause,
    });
  }
}
