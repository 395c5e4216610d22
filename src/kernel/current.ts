/** What is in the kernel now. */
import { UserError } from "../errors/user-error.ts";
import { canonicalAddress } from "../ip/address.ts";
import { LEARNED } from "./chains.ts";
import type { Exec, ExecResult } from "./exec.ts";
import { TABLE } from "./facts.ts";

/** Tandem's table in one family as it is. */
export interface CurrentTable {
  /** Elements by map, key to value (empty for sets), in the texts that desired.ts writes. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly chains: ReadonlySet<string>;
  /** The rules of each chain as one text without handles: equal texts mean equal rules. */
  readonly rules: ReadonlyMap<string, string>;
}

/** Something of each table that there is. */
export interface Tables<T> {
  ip?: T;
  ip6?: T;
}

/** Reads Tandem's tables; a family without one is absent. Throws a UserError when nft may not or cannot. */
export async function readTables(exec: Exec): Promise<Tables<CurrentTable>> {
  const result: Tables<CurrentTable> = {};
  for (const ip of await familiesWithTable(exec)) {
    result[ip] = parseTable(await nftJson(exec, ["list", "table", ip, TABLE]));
  }
  return result;
}

/** The rules alone, without reading the elements (see {@link CurrentTable.rules}). */
export async function readRules(exec: Exec): Promise<Tables<CurrentTable["rules"]>> {
  const result: Tables<CurrentTable["rules"]> = {};
  for (const ip of await familiesWithTable(exec)) {
    result[ip] = parseTable(await nftJson(exec, ["-t", "list", "table", ip, TABLE])).rules;
  }
  return result;
}

/** The table families in which Tandem has a table. */
export async function familiesWithTable(exec: Exec): Promise<("ip" | "ip6")[]> {
  const tables = await nftJson(exec, ["list", "tables"]);
  const own = tables.flatMap((item) => (item.table?.name === TABLE ? [item.table.family] : []));
  return (["ip", "ip6"] as const).filter((ip) => own.includes(ip));
}

interface NftItem {
  table?: { family: string; name: string };
  chain?: { name: string; hook?: string; prio?: number; type?: string };
  rule?: { chain: string; expr: unknown };
  map?: { name: string; elem?: unknown[] };
  set?: { name: string; elem?: unknown[] };
}

async function nftJson(exec: Exec, args: readonly string[]): Promise<NftItem[]> {
  const result = await exec(["nft", "-j", ...args]);
  if (result.code !== 0) throw nftError("read the kernel's rules", result);
  return (JSON.parse(result.stdout) as { nftables: NftItem[] }).nftables;
}

function parseTable(items: readonly NftItem[]): CurrentTable {
  const elements = new Map<string, ReadonlyMap<string, string>>();
  const chains = new Map<string, unknown[]>();
  for (const { chain, rule, map, set } of items) {
    if (chain) chains.set(chain.name, [chain.hook, chain.prio, chain.type]);
    if (rule) chains.get(rule.chain)?.push(rule.expr);
    const holder = map ?? set;
    if (holder && !LEARNED.has(holder.name)) elements.set(holder.name, parseElements(holder.elem ?? []));
  }
  const rules = new Map([...chains].map(([name, content]) => [name, JSON.stringify(content)]));
  return { elements, chains: new Set(chains.keys()), rules };
}

function parseElements(items: readonly unknown[]): Map<string, string> {
  const elements = new Map<string, string>();
  for (const item of items) {
    if (Array.isArray(item)) elements.set(textOf(item[0]), textOf(item[1]));
    else elements.set(textOf(item), "");
  }
  return elements;
}

/** The text of one value of nft's JSON (libnftables-json(5)), as desired.ts writes it. */
function textOf(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return isDottedIPv6(value) ? (canonicalAddress(value) ?? value) : value;
  const item = value as Record<string, unknown>;
  if (Array.isArray(item.concat)) return item.concat.map(textOf).join(" . ");
  if (item.prefix) {
    const { addr, len } = item.prefix as { addr: string; len: number };
    return `${textOf(addr)}/${len}`;
  }
  if (item.goto) return `goto ${(item.goto as { target: string }).target}`;
  if ("drop" in item) return "drop";
  if (item.elem) return textOf((item.elem as { val: unknown }).val);
  return JSON.stringify(item);
}

/** The C library prints some IPv6 addresses with a dotted tail; Tandem never does. */
function isDottedIPv6(text: string): boolean {
  return text.includes(":") && text.includes(".");
}

/** The error of an nft that did not work, with what helps. */
export function nftError(what: string, { code, stderr }: ExecResult): Error {
  const why = stderr.trim().split("\n").slice(0, 4).join("; ") || `nft ended with code ${code}`;
  if (/not permitted|Permission denied|must be root/i.test(stderr)) {
    return new UserError({
      what: `cannot ${what}`,
      where: "nft",
      why,
      next: "run as root, or inside a network namespace of your own (tandem up makes one)",
    });
  }
  return new Error(`cannot ${what}: ${why}`);
}
