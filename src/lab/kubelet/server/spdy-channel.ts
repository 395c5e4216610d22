import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import { parseTerminalSize } from "../terminal.ts";
import type { CommandChannel, CommandStatus } from "./command-channel.ts";
import { SpdySession } from "./spdy/session.ts";
import type { SpdyStream } from "./spdy/stream.ts";
import { acceptSpdy } from "./spdy/upgrade.ts";

/** Versions in the order of preference (k8s.io/kubelet/pkg/cri/streaming/remotecommand). */
const PROTOCOLS = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];
/** How long a client may take to create its streams. */
const STREAMS_MS = 30_000;

/** Which streams a client has asked for. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Answers the upgrade and calls back with the client's channel once all of its streams are there. */
export function acceptSpdyCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
  onChannel: (channel: CommandChannel) => void,
): void {
  const protocol = acceptSpdy(request, socket, head, PROTOCOLS);
  if (protocol === undefined) return;
  const names = expectedStreams(wanted, PROTOCOLS.indexOf(protocol) <= 1);
  const streams = new Map<string, SpdyStream>();
  const closers: (() => void)[] = [];
  const timer = setTimeout(() => session.close(1), STREAMS_MS);
  const session: SpdySession = new SpdySession(socket, {
    onStream(stream) {
      const name = stream.headers.get("streamtype") ?? "";
      if (!names.includes(name) || streams.has(name))
        throw new Error(`no stream ${JSON.stringify(name)} wanted`);
      streams.set(name, stream);
      if (streams.size < names.length) return;
      clearTimeout(timer);
      onChannel(channelOf(session, streams, closers, protocol === PROTOCOLS[0]));
    },
    onClose() {
      clearTimeout(timer);
      for (const listener of closers) listener();
    },
  });
}

function expectedStreams({ stdin, stdout, stderr, tty }: WantedStreams, knowsResize: boolean): string[] {
  const wanted = { error: true, stdin, stdout, stderr, resize: tty && knowsResize };
  return Object.entries(wanted).flatMap(([name, isWanted]) => (isWanted ? [name] : []));
}

function channelOf(
  session: SpdySession,
  streams: ReadonlyMap<string, SpdyStream>,
  closers: (() => void)[],
  hasStatus: boolean,
): CommandChannel {
  for (const name of ["error", "stdout", "stderr"]) streams.get(name)?.resume();
  return {
    stdin: streams.get("stdin"),
    write(name, chunk, done) {
      const stream = streams.get(name);
      if (stream === undefined || !stream.writable) done();
      else stream.write(chunk, () => done());
    },
    onResize(listener) {
      onLines(streams.get("resize"), (line) => {
        const size = parseTerminalSize(line);
        if (size !== undefined) listener(size);
      });
    },
    onClose: (listener) => void closers.push(listener),
    finish(status) {
      const text = statusText(status, hasStatus);
      if (text !== "") streams.get("error")?.write(text);
      const ends = [...streams.values()].map((stream) => {
        stream.end();
        return finished(stream, { readable: false }).catch(() => {});
      });
      void Promise.all(ends).then(() => session.close());
    },
  };
}

/** Version 4 has a Status for every end; before it, a text for a bad one. */
function statusText(status: CommandStatus, hasStatus: boolean): string {
  if (hasStatus) return JSON.stringify(status);
  return status.status === "Success" ? "" : (status.message ?? "");
}

/** Sizes come as JSON documents, one a line. */
function onLines(stream: SpdyStream | undefined, listener: (line: string) => void): void {
  let rest = "";
  stream?.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = (lines.pop() ?? "").slice(0, MAX_LINE);
    for (const line of lines) listener(line);
  });
}

const MAX_LINE = 1_024;
