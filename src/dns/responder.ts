/** From the bytes of a query to the bytes of its answer. */
import { type Answer, answer } from "./answer.ts";
import type { BalancerNames } from "./balancers.ts";
import { decodeHeader, decodeMessage } from "./codec/decode.ts";
import { encodeMessage } from "./codec/encode.ts";
import { CLASS_IN, EMPTY_MESSAGE, type Message, RCODE, type ResourceRecord, TYPE } from "./codec/message.ts";
import type { LiveIndex } from "./desired.ts";
import { withId } from "./udp-channel.ts";
import type { Upstream } from "./upstream.ts";

/** How a query came. */
export type Transport = "udp" | "tcp";

/** What queries are answered from. */
export interface ResponderOptions {
  readonly index: LiveIndex;
  /** The cluster's domain, lower case with its dot. */
  readonly domain: string;
  readonly upstream?: Upstream;
  readonly balancers?: BalancerNames;
  /** Addresses that the server listens on, for `ns.dns.DOMAIN`. */
  readonly servers?: readonly string[];
}

/** What a client without EDNS takes over UDP, and the most that is sent over it (RFC 9715: no fragments). */
const PLAIN_UDP_SIZE = 512;
const MAX_UDP_SIZE = 1232;
const MAX_TCP_SIZE = 65535;
const FORWARD_TIMEOUT_MS = 4000;
/** An alias is an answer in itself, so its target is not waited for as long as clients would wait. */
const CHASE_TIMEOUT_MS = 1200;

/** Answers queries; nothing that a client sends makes it throw. */
export class Responder {
  readonly #options: ResponderOptions;
  /** Queries that went on to the resolvers: the same one again waits for the same answer, so that no loop can grow. */
  readonly #forwarded = new Map<string, Promise<Buffer>>();

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** The answer to a query; undefined for what is none (a response, or less than a header). */
  async respond(bytes: Uint8Array, transport: Transport): Promise<Buffer | undefined> {
    const header = decodeHeader(bytes);
    if (header === undefined || header.response) return undefined;
    const bare: Message = { ...header, questions: [], answers: [], authority: [], additional: [] };
    if (header.opcode !== 0) return encodeMessage(reply(bare, RCODE.NOTIMP));
    let query: Message;
    try {
      query = decodeMessage(bytes);
    } catch {
      return encodeMessage(reply(bare, RCODE.FORMERR));
    }
    try {
      return await this.#answer(query, bytes, transport);
    } catch {
      return encodeMessage(reply(query, RCODE.SERVFAIL));
    }
  }

  async #answer(query: Message, bytes: Uint8Array, transport: Transport): Promise<Buffer> {
    const limit = sizeLimit(query, transport);
    const [question, ...more] = query.questions;
    if (question === undefined || more.length > 0) return encodeMessage(reply(query, RCODE.FORMERR), limit);
    if ((query.edns?.version ?? 0) > 0) return encodeMessage(reply(query, RCODE.BADVERS), limit);
    if (question.class !== CLASS_IN) return encodeMessage(reply(query, RCODE.REFUSED), limit);
    const { index, upstream } = this.#options;
    const own = answer(index.current(), question, this.#options);
    if (own === undefined) {
      if (upstream !== undefined) return this.#forward(upstream, bytes, transport);
      return encodeMessage(reply(query, RCODE.REFUSED), limit);
    }
    const answers = [...shuffleAddresses(own.answers), ...(await this.#chase(own, question.type))];
    const message = { ...reply(query, own.rcode), authoritative: own.rcode !== RCODE.REFUSED };
    const { authority, additional } = own;
    const recursionAvailable = upstream !== undefined;
    return encodeMessage({ ...message, recursionAvailable, answers, authority, additional }, limit);
  }

  /** Passes a query on as it is, and the answer back. */
  async #forward(upstream: Upstream, bytes: Uint8Array, transport: Transport): Promise<Buffer> {
    const key = `${transport} ${Buffer.from(bytes.subarray(2)).toString("latin1")}`;
    let pending = this.#forwarded.get(key);
    if (pending === undefined) {
      const options = { tcp: transport === "tcp", timeoutMs: FORWARD_TIMEOUT_MS };
      pending = upstream.ask(bytes, options).finally(() => this.#forwarded.delete(key));
      this.#forwarded.set(key, pending);
    }
    return withId(await pending, Buffer.from(bytes).readUInt16BE(0));
  }

  /** What the resolvers say about the target of an alias that leads out of the cluster; nothing when they say nothing. */
  async #chase({ chase }: Answer, type: number): Promise<ResourceRecord[]> {
    const { upstream } = this.#options;
    if (chase === undefined || upstream === undefined) return [];
    const query = encodeMessage(queryFor(chase, type));
    try {
      const found = decodeMessage(await upstream.ask(query, { tcp: false, timeoutMs: CHASE_TIMEOUT_MS }));
      return found.answers.filter((record) => record.type === type || record.type === TYPE.CNAME);
    } catch {
      return [];
    }
  }
}

function sizeLimit(query: Message, transport: Transport): number {
  if (transport === "tcp") return MAX_TCP_SIZE;
  const size = query.edns?.udpSize ?? PLAIN_UDP_SIZE;
  return Math.min(Math.max(size, PLAIN_UDP_SIZE), MAX_UDP_SIZE);
}

function reply(query: Message, rcode: number): Message {
  return {
    ...EMPTY_MESSAGE,
    id: query.id,
    response: true,
    opcode: query.opcode,
    recursionDesired: query.recursionDesired,
    checkingDisabled: query.checkingDisabled,
    rcode,
    questions: query.questions,
    ...(query.edns && { edns: { udpSize: MAX_UDP_SIZE, version: 0, dnssecOk: query.edns.dnssecOk } }),
  };
}

function queryFor(name: string, type: number): Message {
  return {
    ...EMPTY_MESSAGE,
    recursionDesired: true,
    questions: [{ name, type, class: CLASS_IN }],
    edns: { udpSize: MAX_UDP_SIZE, version: 0, dnssecOk: false },
  };
}

/** Clients take the first address that works, so the order is drawn anew for each answer; aliases stay in front. */
function shuffleAddresses(records: readonly ResourceRecord[]): ResourceRecord[] {
  const aliases = records.filter((record) => record.data.kind !== "address");
  const addresses = records.filter((record) => record.data.kind === "address");
  for (let index = addresses.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [addresses[index], addresses[other]] = [addresses[other]!, addresses[index]!];
  }
  return [...aliases, ...addresses];
}
