/** The pure parts of nslookup: what to ask for, and how answers read. */
import { isIP } from "node:net";

/** What of resolv.conf(5) decides about names. */
export interface ResolverConfig {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly ndots: number;
}

/** Reads a resolv.conf; what it does not say is as in the resolver's library. */
export function parseResolvConf(text: string): ResolverConfig {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  const of = (keyword: string) => lines.filter(([first]) => first === keyword).map(([, ...rest]) => rest);
  const ndots = of("options")
    .flat()
    .findLast((option) => option.startsWith("ndots:"));
  return {
    servers: of("nameserver").flatMap(([address]) => address ?? []),
    search: of("search").at(-1) ?? [],
    ndots: Number(ndots?.slice("ndots:".length) ?? 1),
  };
}

/** The names that a name may stand for, in the order in which they are asked for. */
export function candidatesOf(name: string, { search, ndots }: ResolverConfig): string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const extended = search.map((suffix) => `${name}.${suffix}`);
  const dots = name.split(".").length - 1;
  return dots >= ndots ? [name, ...extended] : [...extended, name];
}

/** One record of an answer, as Node's resolver gives it, in the words of BIND's nslookup. */
export function recordText(name: string, type: string, record: unknown): string {
  if (typeof record === "string" && isIP(record)) return `Name:\t${name}\nAddress: ${record}`;
  if (type === "PTR") return `${reverseName(name)}\tname = ${record as string}.`;
  if (type === "CNAME") return `${name}\tcanonical name = ${record as string}.`;
  if (type === "SRV") {
    const { priority, weight, port, name: target } = record as Record<string, string | number>;
    return `${name}\tservice = ${priority} ${weight} ${port} ${target}.`;
  }
  if (type === "TXT") return `${name}\ttext = "${[record].flat().join('" "')}"`;
  return `${name}\t${type} = ${typeof record === "string" ? record : JSON.stringify(record)}`;
}

/** `10.96.0.10` is 10.0.96.10.in-addr.arpa, an IPv6 address its 32 digits in ip6.arpa. */
function reverseName(address: string): string {
  if (isIP(address) === 0) return address;
  if (isIP(address) === 4) return `${address.split(".").reverse().join(".")}.in-addr.arpa`;
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const words = (part: string) => (part === "" ? [] : part.split(":").map((word) => word.padStart(4, "0")));
  const [left, right] = [words(head), words(tail ?? "")];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0000");
  return `${[...left, ...zeros, ...right].join("").split("").reverse().join(".")}.ip6.arpa`;
}
