/**
 * A small nslookup, for hosts without one: `nslookup [-type=TYPE] NAME|ADDRESS [SERVER]`. Asks the servers of
 * /etc/resolv.conf one after the other, by its search list and ndots, and answers in the words of BIND's. Without a type
 * it asks for A and AAAA, of an address for PTR. Exit code 1 where the name is not there, or no
 * server.
 */
import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { candidatesOf, parseResolvConf, recordText } from "./nslookup/answers.ts";

const words = process.argv.slice(2);
const asked = words.findLast((word) => /^-(q|ty|query|type)=/.test(word))?.replace(/^[^=]*=/, "");
const [name, server] = words.filter((word) => !word.startsWith("-"));
if (name === undefined) {
  console.error("usage: nslookup [-type=TYPE] NAME|ADDRESS [SERVER]");
  process.exit(1);
}
const config = parseResolvConf(readFileSync("/etc/resolv.conf", "utf8"));
const servers = server === undefined ? config.servers : [await addressOf(server)];
const types = (asked?.toUpperCase() ?? (isIP(name) ? "PTR" : "A,AAAA")).split(",");

/** The code of the last failure that is none of a name: `ETIMEOUT`, `ECONNREFUSED`, `ESERVFAIL`. */
let failure = "ENOTFOUND";
/** A name that there is, without records of the types that were asked for. */
let empty: string | undefined;
for (const address of servers) if (await askServer(address)) process.exit(0);
console.log(failureText(failure, servers, name));
process.exit(1);

async function addressOf(host: string): Promise<string> {
  if (isIP(host)) return host;
  const { lookup } = await import("node:dns/promises");
  return lookup(host).then(
    ({ address }) => address,
    () => {
      console.error(`nslookup: couldn't get address for '${host}': not found`);
      process.exit(1);
    },
  );
}

/** Whether the server knew the name, by any name of the search list. */
async function askServer(address: string): Promise<boolean> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([isIP(address) === 6 ? `[${address}]` : address]);
  for (const candidate of isIP(name as string) ? [name as string] : candidatesOf(name as string, config)) {
    const texts = (await Promise.all(types.map((type) => ask(resolver, candidate, type)))).flat();
    if (texts.length === 0) continue;
    console.log(`Server:\t\t${address}\nAddress:\t${address}#53\n\n${texts.join("\n")}\n`);
    return true;
  }
  if (empty === undefined && failure !== "ENOTFOUND") return false;
  const text = empty ? `*** Can't find ${empty}: No answer` : failureText(failure, [], name as string);
  console.log(`Server:\t\t${address}\nAddress:\t${address}#53\n\n${text}\n`);
  process.exit(empty ? 0 : 1);
}

async function ask(resolver: Resolver, candidate: string, type: string): Promise<string[]> {
  try {
    const records: unknown[] =
      type === "PTR" && isIP(candidate)
        ? await resolver.reverse(candidate)
        : [await resolver.resolve(candidate, type as "A")].flat();
    return records.map((record) => recordText(candidate, type, record));
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ENODATA") empty ??= candidate;
    else if (code !== "ENOTFOUND") failure = code;
    return [];
  }
}

function failureText(code: string, tried: readonly string[], what: string): string {
  if (code === "ENOTFOUND") return `** server can't find ${what}: NXDOMAIN`;
  if (code === "ESERVFAIL" || code === "EREFUSED") return `** server can't find ${what}: ${code.slice(1)}`;
  const why = code === "ECONNREFUSED" ? "connection refused" : "timed out";
  return `${tried.map((address) => `;; communications error to ${address}#53: ${why}\n`).join("")};; no servers could be reached`;
}
