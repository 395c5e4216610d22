/**
 * Runs in a pod of bench/mesh-latency.ts: answers requests, or sends them at a steady rate whatever the answers take.
 * Usage: latency-agent.ts serve PORT | latency-agent.ts load; slices come as lines of JSON, results go back so.
 */
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { monotonic } from "./machine.ts";

/** A slice of load. Its connections stay for the next slice to the same place. */
export interface LoadSlice {
  readonly address: string;
  readonly port: number;
  /** The host that requests name. */
  readonly host: string;
  /** Requests a second. */
  readonly rate: number;
  /** Requests before those that count: others had the processors' caches meanwhile. */
  readonly warm: number;
  readonly count: number;
  /** Opens new connections, after a change of what is on the way. */
  readonly anew: boolean;
}

/** What the load generator itself has counted. */
export interface LoadResult {
  /** Milliseconds from when it came to send a request, or would have if a connection had been free, to its answer. */
  readonly times: readonly number[];
  /** When it came to send each of these, in milliseconds of the machine's monotonic clock. */
  readonly due: readonly number[];
  readonly failed: number;
  /** How often it came to send too late itself; it goes on from there, and sends nothing in a burst. */
  readonly late: number;
}

const CONNECTIONS = 16;
const BODY = "x".repeat(1024);
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
const END = "\r\n\r\n";
/** After the last request, what is not answered within this time has failed. */
const PATIENCE_MS = 2_000;
const LATE_MS = 5;

interface Request {
  /** When it came to be sent. */
  readonly due: number;
  readonly counts: boolean;
}

type OnAnswer = (lane: Lane, request: Request, good: boolean) => void;

/** A connection, with one request at a time. */
class Lane {
  readonly #socket: Socket;
  readonly #onAnswer: OnAnswer;
  #under: Request | undefined;
  #answer = "";

  private constructor(socket: Socket, onAnswer: OnAnswer) {
    this.#socket = socket;
    this.#onAnswer = onAnswer;
    socket.on("data", (data) => this.#take(data.toString("latin1")));
    socket.on("error", () => {}).on("close", () => this.#end(false));
  }

  static open(address: string, port: number, onAnswer: OnAnswer): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address, port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new Lane(socket, onAnswer)));
    });
  }

  get open(): boolean {
    return !this.#socket.destroyed;
  }

  get free(): boolean {
    return this.open && this.#under === undefined;
  }

  send(request: Request, text: string): void {
    this.#under = request;
    this.#socket.write(text);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#answer += text;
    const head = this.#answer.indexOf(END);
    if (head < 0 || this.#answer.length < head + END.length + BODY.length) return;
    const good = this.#answer.startsWith("HTTP/1.1 200");
    this.#answer = "";
    this.#end(good);
  }

  #end(good: boolean): void {
    const request = this.#under;
    this.#under = undefined;
    if (request !== undefined) this.#onAnswer(this, request, good);
  }
}

/** The connections to one place, which take turns. */
class Lanes {
  readonly #slice: LoadSlice;
  readonly #text: string;
  readonly #waiting: Request[] = [];
  #lanes: Lane[] = [];
  #next = 0;
  #times: number[] = [];
  #due: number[] = [];
  #ended = 0;
  #failed = 0;

  constructor(slice: LoadSlice) {
    this.#slice = slice;
    this.#text = `GET / HTTP/1.1\r\nHost: ${slice.host}${END}`;
  }

  /** Opens those that are missing. */
  async open(): Promise<void> {
    this.#lanes = this.#lanes.filter((lane) => lane.open);
    const { address, port } = this.#slice;
    const more = Array.from({ length: CONNECTIONS - this.#lanes.length }, () =>
      Lane.open(address, port, (lane, request, good) => this.#onAnswer(lane, request, good)),
    );
    this.#lanes.push(...(await Promise.all(more)));
  }

  async run({ rate, warm, count }: LoadSlice): Promise<LoadResult> {
    this.#times = [];
    this.#due = [];
    this.#ended = this.#failed = 0;
    let late = 0;
    let began = performance.now();
    for (let sent = 0; sent < warm + count; await pause(1)) {
      const now = performance.now();
      const behind = now - (began + (sent * 1000) / rate);
      if (behind > LATE_MS) {
        began += behind;
        late++;
      }
      for (; sent < warm + count && began + (sent * 1000) / rate <= now; sent++) {
        this.#send({ due: performance.now(), counts: sent >= warm });
      }
    }
    const end = performance.now() + PATIENCE_MS;
    while (this.#ended < warm + count && performance.now() < end) await pause(2);
    this.#waiting.length = 0;
    // One that is still under way would be taken for one of the next slice.
    for (const lane of this.#lanes) if (!lane.free) lane.close();
    const offset = monotonic() - performance.now();
    const due = this.#due.map((time) => time + offset);
    return { times: this.#times, due, failed: this.#failed + warm + count - this.#ended, late };
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
  }

  #send(request: Request): void {
    const next = this.#next++;
    const turns = this.#lanes.map((_, index) => this.#lanes[(next + index) % this.#lanes.length]);
    const lane = turns.find((lane) => lane?.free);
    if (lane === undefined) this.#waiting.push(request);
    else lane.send(request, this.#text);
  }

  #onAnswer(lane: Lane, { due, counts }: Request, good: boolean): void {
    this.#ended++;
    if (!good) this.#failed++;
    else if (counts) {
      this.#times.push(performance.now() - due);
      this.#due.push(due);
    }
    const next = lane.free ? this.#waiting.shift() : undefined;
    if (next !== undefined) lane.send(next, this.#text);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const places = new Map<string, Lanes>();

async function load(slice: LoadSlice): Promise<LoadResult> {
  const place = `${slice.address} ${slice.port}`;
  if (slice.anew) {
    places.get(place)?.close();
    places.delete(place);
  }
  const lanes = places.get(place) ?? new Lanes(slice);
  places.set(place, lanes);
  await lanes.open();
  return lanes.run(slice);
}

/** As little as answers, so that it is not the server that is measured: requests have no bodies. */
function serve(port: number): void {
  const server = createServer({ noDelay: true }, (socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (data) => {
      const parts = (text + data.toString("latin1")).split(END);
      text = parts.pop() ?? "";
      for (const _ of parts) socket.write(ANSWER);
    });
  });
  server.listen({ port, host: "::" }, () => console.log("{}"));
}

const [mode, port] = process.argv.slice(2);
if (mode === "serve") {
  serve(Number(port));
} else {
  createInterface({ input: process.stdin })
    .on("line", async (line) => console.log(JSON.stringify(await load(JSON.parse(line) as LoadSlice))))
    .on("close", () => process.exit());
}
