import type { Readable } from "node:stream";
import type { TerminalSize } from "../terminal.ts";

/** The two outputs of a command. */
export type OutputName = "stdout" | "stderr";

/** What exec and attach need of their client, over a WebSocket or SPDY. */
export interface CommandChannel {
  /** What the client types; ends when it closes its side. Undefined when it asked for no input. */
  readonly stdin: Readable | undefined;
  /** Sends output; calls back when more can be taken. */
  write(name: OutputName, chunk: Buffer, done: () => void): void;
  onResize(listener: (size: TerminalSize) => void): void;
  /** Calls back when the client is gone, however. */
  onClose(listener: () => void): void;
  /** Sends how it went (a metav1.Status) and closes. */
  finish(status: CommandStatus): void;
}

/** A metav1.Status. */
export interface CommandStatus {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: object;
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: object;
}

const FAILURE = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" } as const;

/** All went well. */
export const SUCCESS: CommandStatus = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };

/** How a command ended (k8s.io/apimachinery remotecommand: NonZeroExitCodeReason, ExitCodeCauseType). */
export function exitStatus(code: number): CommandStatus {
  if (code === 0) return SUCCESS;
  const details = { causes: [{ reason: "ExitCode", message: String(code) }] };
  const message = `command terminated with non-zero exit code: exit status ${code}`;
  return { ...FAILURE, message, reason: "NonZeroExitCode", details };
}

/** What kept a command from running. */
export function failureStatus(message: string): CommandStatus {
  return { ...FAILURE, message, reason: "InternalError", code: 500 };
}
