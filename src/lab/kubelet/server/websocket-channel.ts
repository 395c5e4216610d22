import type { IncomingMessage } from "node:http";
import { type Duplex, Readable } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { parseTerminalSize } from "../terminal.ts";
import type { CommandChannel, OutputName } from "./command-channel.ts";

/** The first byte of every message (k8s.io/apimachinery remotecommand; KEP-4006). */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Subprotocols in the order of preference (k8s.io/kubelet/pkg/cri/streaming/remotecommand; base64 is for browsers). */
const PROTOCOLS = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "channel.k8s.io",
  "base64.channel.k8s.io",
];

const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  maxPayload: 16 * 1024 * 1024,
  handleProtocols: (offered) => PROTOCOLS.find((name) => offered.has(name)) ?? false,
});

/** The subprotocols that a request offers. */
export function offeredProtocols(request: IncomingMessage): string[] {
  return (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
}

/** Whether the request offers a subprotocol of exec and attach, or none at all (which is the oldest). */
export function isCommandProtocol(request: IncomingMessage): boolean {
  const offered = offeredProtocols(request);
  return offered.some((name) => PROTOCOLS.includes(name) || name === "");
}

/** Answers the upgrade and calls back with the client's channel. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  hasInput: boolean,
  onChannel: (channel: CommandChannel) => void,
): void {
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on("error", () => client.terminate());
    onChannel(channelOf(client, hasInput));
  });
}

function channelOf(client: WebSocket, hasInput: boolean): CommandChannel {
  const base64 = client.protocol.includes("base64");
  const hasStatus = /^v[45]\./.test(client.protocol);
  const input = hasInput ? new Readable({ read: () => client.resume() }) : undefined;
  const resizers: ((text: string) => void)[] = [];
  client.on("message", (message: Buffer) => {
    const { channel, payload } = decode(message, base64);
    if (channel === CHANNEL.stdin) {
      if (payload.length > 0 && input !== undefined && !input.readableEnded && !input.push(payload))
        client.pause();
    } else if (channel === CHANNEL.close && payload[0] === CHANNEL.stdin) input?.push(null);
    else if (channel === CHANNEL.resize) for (const listener of resizers) listener(payload.toString());
  });
  const send = (channel: number, payload: Buffer, done?: () => void): void =>
    client.send(encode(channel, payload, base64), () => done?.());
  return {
    stdin: input,
    write: (name: OutputName, chunk, done) => send(CHANNEL[name], chunk, done),
    onResize: (listener) =>
      void resizers.push((text) => {
        const size = parseTerminalSize(text);
        if (size !== undefined) listener(size);
      }),
    onClose: (listener) => void client.once("close", listener),
    finish(status) {
      if (client.readyState !== client.OPEN) return;
      const text = status.status === "Success" ? "" : (status.message ?? "");
      send(CHANNEL.error, Buffer.from(hasStatus ? JSON.stringify(status) : text));
      client.close(1000);
    },
  };
}

/** In base64 the channel is a digit before the text. */
function decode(message: Buffer, base64: boolean): { channel: number; payload: Buffer } {
  const channel = message[0] ?? -1;
  if (!base64) return { channel, payload: message.subarray(1) };
  return { channel: channel - 0x30, payload: Buffer.from(message.toString("latin1", 1), "base64") };
}

function encode(channel: number, payload: Buffer, base64: boolean): Buffer | string {
  return base64 ? `${channel}${payload.toString("base64")}` : Buffer.concat([Buffer.of(channel), payload]);
}
