import { randomInt } from "node:crypto";
import type { RemoteInfo, Socket } from "node:dgram";
import { joinHostPort } from "../ip/address.ts";
import { readName } from "./codec/name.ts";

/** A resolver's address (an IPv6 one may have a zone, `fe80::1%eth0`) and port. */
export interface Resolver {
  readonly address: string;
  readonly port: number;
}

/** Sends one query to one resolver and gives its answer, with the query's id. Rejects when there is none in time. */
export type Exchange = (query: Uint8Array, resolver: Resolver, timeoutMs: number) => Promise<Buffer>;

/** A resolver as text: `10.0.0.1:53`, `[::1]:53`. */
export function resolverText({ address, port }: Resolver): string {
  return joinHostPort(address, port);
}

interface Pending {
  readonly resolver: Resolver;
  readonly query: Uint8Array;
  readonly resolve: (reply: Buffer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Queries over one UDP socket, told apart by ids of its own. A datagram counts as the answer only when resolver, id and
 * question are the query's. With `connectTo`, the socket talks to that resolver alone.
 */
export class UdpChannel {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #connected: Promise<boolean>;
  #closed = false;

  constructor(socket: Socket, connectTo?: Resolver) {
    this.#socket = socket;
    socket.on("message", (reply, from) => this.#receive(reply, from));
    socket.on("error", (error) => this.#failAll(error));
    this.#connected = connectTo === undefined ? Promise.resolve(false) : connect(socket, connectTo);
    // Whoever sends hears of a failed connection; nobody may have sent yet.
    this.#connected.catch(() => {});
  }

  async send(query: Uint8Array, resolver: Resolver, timeoutMs: number): Promise<Buffer> {
    const connected = await this.#connected;
    if (this.#closed) throw new Error("the DNS server is closing");
    return new Promise((resolve, reject) => {
      const id = this.#freeId();
      const timer = setTimeout(() => {
        this.#fail(
          id,
          new Error(`${resolverText(resolver)} did not answer within ${Math.round(timeoutMs)} ms`),
        );
      }, timeoutMs);
      this.#pending.set(id, { resolver, query, resolve, reject, timer });
      const bytes = withId(query, id);
      const sent = (error: Error | null): void => {
        if (error) this.#fail(id, error);
      };
      if (connected) this.#socket.send(bytes, sent);
      else this.#socket.send(bytes, resolver.port, resolver.address, sent);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failAll(new Error("the DNS server is closing"));
    this.#socket.close();
  }

  #freeId(): number {
    let id = randomInt(65536);
    while (this.#pending.has(id)) id = (id + 1) & 0xffff;
    return id;
  }

  #receive(reply: Buffer, from: RemoteInfo): void {
    if (reply.length < 12 || (reply[2]! & 0x80) === 0) return;
    const id = reply.readUInt16BE(0);
    const pending = this.#pending.get(id);
    if (pending === undefined || !isFrom(pending.resolver, from) || !sameQuestion(pending.query, reply))
      return;
    this.#forget(id);
    pending.resolve(withId(reply, Buffer.from(pending.query).readUInt16BE(0)));
  }

  #fail(id: number, error: Error): void {
    const pending = this.#pending.get(id);
    this.#forget(id);
    pending?.reject(error);
  }

  #failAll(error: Error): void {
    for (const id of [...this.#pending.keys()]) this.#fail(id, error);
  }

  #forget(id: number): void {
    clearTimeout(this.#pending.get(id)?.timer);
    this.#pending.delete(id);
  }
}

function connect(socket: Socket, { address, port }: Resolver): Promise<boolean> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.connect(port, address, () => {
      socket.off("error", reject);
      resolve(true);
    });
  });
}

/** A copy of a message with another id. */
export function withId(message: Uint8Array, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

function isFrom({ address, port }: Resolver, from: RemoteInfo): boolean {
  return from.port === port && from.address.replace(/%.*$/, "") === address.replace(/%.*$/, "");
}

/** Whether a reply repeats the one question of a query, in any case; a failing resolver may leave it out. */
function sameQuestion(query: Uint8Array, reply: Buffer): boolean {
  if (reply.readUInt16BE(4) === 0) return true;
  try {
    const end = readName(query, 12).end + 4;
    const text = (bytes: Uint8Array): string =>
      Buffer.from(bytes.subarray(12, end)).toString("latin1").toLowerCase();
    return text(query) === text(reply);
  } catch {
    return false;
  }
}
