/** Run as a process of its own: asks the resolver at the port it is given, over the socket that is its descriptor 3. */
import { decodeMessage } from "../../src/dns/codec/decode.ts";
import { encodeMessage } from "../../src/dns/codec/encode.ts";
import { createUpstream } from "../../src/dns/index.ts";
import { query } from "./cluster.ts";

const resolvers = [{ address: "127.0.0.1", port: Number(process.argv[2]) }];
const upstream = createUpstream({ resolvers, sockets: { IPv4: { fd: 3 } } });
const asked = Array.from({ length: 20 }, (_, id) => query(`n${id}.example`, "A", { id }));
const replies = await Promise.all(
  asked.map(async (message) =>
    decodeMessage(await upstream.ask(encodeMessage(message), { tcp: true, timeoutMs: 60_000 })),
  ),
);
upstream.close();
process.stdout.write(JSON.stringify(replies.map((reply) => [reply.id, reply.questions[0]?.name])));
