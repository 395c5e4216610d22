import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { RunningContainer } from "../running-container.ts";
import { attach } from "./attach.ts";
import type { CommandChannel } from "./command-channel.ts";
import { runCommand } from "./exec.ts";
import { HttpError } from "./http-error.ts";
import { acceptSpdyCommand } from "./spdy-channel.ts";
import { asksForSpdy } from "./spdy/upgrade.ts";
import { acceptWebSocket, isCommandProtocol, offeredProtocols } from "./websocket-channel.ts";

/** An exec or attach with the parameters of the real kubelet: command, input, output, error, tty. */
export interface CommandRequest {
  readonly kind: "exec" | "attach";
  readonly running: RunningContainer;
  readonly query: URLSearchParams;
}

/**
 * Serves an exec or attach over a WebSocket or SPDY, as the client asks.
 * @throws HttpError before the upgrade is answered
 */
export function serveCommand(
  asked: CommandRequest,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const { kind, running, query } = asked;
  const isSet = (name: string): boolean => ["1", "true"].includes(query.get(name) ?? "");
  const tty = kind === "exec" ? isSet("tty") : running.process.tty;
  // a terminal has one output
  const wanted = {
    stdin: isSet("input"),
    stdout: isSet("output"),
    stderr: isSet("error") && !isSet("tty"),
    tty,
  };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr)
    throw new HttpError(400, "you must specify at least 1 of stdin, stdout, stderr");
  const serve = (channel: CommandChannel): void => {
    if (kind === "attach") attach(channel, running);
    else runCommand(channel, running, query.getAll("command"), tty);
  };
  if (asksForSpdy(request)) {
    acceptSpdyCommand(request, socket, head, { ...wanted, tty: isSet("tty") }, serve);
    return;
  }
  if (!isCommandProtocol(request))
    throw new HttpError(403, `none of the protocols ${offeredProtocols(request).join(", ")} is known`);
  acceptWebSocket(request, socket, head, wanted.stdin, serve);
}
