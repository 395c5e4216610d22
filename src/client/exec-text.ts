import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { ExecOptions } from "./exec.ts";
import type { KubeClient } from "./kube-client.ts";

/** What came of a command: its exit code, and what it wrote to its two outputs. */
export interface ExecResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Where a command runs, and what it reads, in parts. */
export interface ExecTextOptions
  extends Pick<ExecOptions, "namespace" | "pod" | "container" | "command" | "tty" | "signal"> {
  readonly input?: readonly string[];
}

/**
 * Runs a command in a container to its end and keeps what it wrote, so: commands that write little.
 * @throws ApiError when the server refuses or the command cannot be started
 */
export async function execToText(
  client: Pick<KubeClient, "exec">,
  { input, ...options }: ExecTextOptions,
): Promise<ExecResult> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const texts = [text(stdout), text(stderr)] as const;
  const stdin = input === undefined ? {} : { stdin: Readable.from(input) };
  const code = await client.exec({ ...options, ...stdin, stdout, stderr });
  stdout.end();
  stderr.end();
  return { code, out: await texts[0], err: await texts[1] };
}
