/** Values of flags that need more than a pattern: Go's integers, port ranges and comma-separated lists. */
import { goQuote } from "./verdict.ts";

/** A range of ports: `base` and how many (apimachinery's net.PortRange). */
export interface PortRange {
  readonly base: number;
  readonly size: number;
}

const GO_INTEGER = /^[+-]?(0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO]?(_?[0-7])+|0|[1-9](_?[0-9])*)$/;

/** Go's strconv.ParseInt with base 0: decimal, 0x, 0o, 0b, a leading 0 for octal, and `_` between digits. */
export function parseGoInteger(text: string): bigint | undefined {
  if (!GO_INTEGER.test(text)) return undefined;
  const digits = text.replace(/^[+-]/, "").replaceAll("_", "");
  const octal = /^0[0-7]+$/.test(digits);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits.toLowerCase());
  return text.startsWith("-") ? -value : value;
}

/** Why Go does not read an integer; undefined when it does. */
export function checkInteger(parser: "ParseInt" | "Atoi", text: string, bits: number): string | undefined {
  const value = parser === "Atoi" ? parseDecimalInteger(text) : parseGoInteger(text);
  if (value === undefined) return `strconv.${parser}: parsing ${goQuote(text)}: invalid syntax`;
  const limit = 1n << BigInt(bits - 1);
  if (value >= limit || value < -limit)
    return `strconv.${parser}: parsing ${goQuote(text)}: value out of range`;
  return undefined;
}

function parseDecimalInteger(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^[+-]/, ""));
  return text.startsWith("-") ? -value : value;
}

/** Why a port range is none (net.PortRange.Set): `N`, `A-B` or `A+N`, empty for none; undefined when it is one. */
export function checkPortRange(text: string): string | undefined {
  const result = readPortRange(text.trim());
  return typeof result === "string" ? result : undefined;
}

/** A port range that {@link checkPortRange} takes. */
export function parsePortRange(text: string): PortRange {
  const result = readPortRange(text.trim());
  return typeof result === "string" ? { base: 0, size: 0 } : result;
}

function readPortRange(text: string): PortRange | string {
  if (text === "") return { base: 0, size: 0 };
  const hyphen = text.indexOf("-");
  const plus = text.indexOf("+");
  if (hyphen >= 0 && plus >= 0) return `unable to parse port range: ${text}`;
  const cut = Math.max(hyphen, plus);
  const parts = cut < 0 ? [text] : [text.slice(0, cut), text.slice(cut + 1)];
  for (const part of parts) {
    const error = checkInteger("Atoi", part, 64);
    if (error !== undefined) return error;
  }
  const low = Number(parts[0]);
  const second = Number(parts[1] ?? low);
  const high = plus >= 0 ? low + second : second;
  if (low > 65535 || high > 65535) return `the port range cannot be greater than 65535: ${text}`;
  if (high < low) return `end port cannot be less than start port: ${text}`;
  return { base: low, size: 1 + high - low };
}

/** The items of one value of a list flag: one line of comma-separated values, `"…"` around items with commas. */
export function readCsv(text: string): string[] {
  if (text === "") return [];
  const items: string[] = [];
  const item = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/y;
  for (;;) {
    const match = item.exec(text);
    if (match === null) return text.split(",");
    items.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
    if (match[3] === "") return items;
  }
}
