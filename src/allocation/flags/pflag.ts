/**
 * The command line of a Kubernetes component, read as spf13/pflag reads it, with its error texts: `--name=value`,
 * `--name value`, booleans without value, `_` for `-` (component-base's WordSepNormalizeFunc), the last value winning
 * and lists adding up.
 */
import { parseIPSloppy, parseIPStrict } from "./go-net.ts";
import { checkInteger, checkPortRange, readCsv } from "./values.ts";
import { goQuote } from "./verdict.ts";

/** The types of values that matter here; all others are `string`. */
export type FlagType =
  | "string"
  | "bool"
  | "int"
  | "int32"
  | "duration"
  | "ip"
  | "ipVar"
  | "ipPort"
  | "list"
  | "portRange";

/** The flags of a component, by name. */
export interface FlagSet {
  typeOf(name: string): FlagType | undefined;
}

/** What pflag made of a command line; with `error` set, reading stopped there. */
export interface ParsedFlags {
  /** Every value given, in order, per flag. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positional: readonly string[];
  readonly error?: string;
}

/** The value that counts: the last one; undefined when the flag was not given. */
export function lastValue(flags: ParsedFlags, name: string): string | undefined {
  return flags.values.get(name)?.at(-1);
}

/** The items of a list flag (pflag.StringSlice): all its values' items together. */
export function listValue(flags: ParsedFlags, name: string): string[] {
  return (flags.values.get(name) ?? []).flatMap((value) => readCsv(value));
}

/** Reads arguments. Flags that the set does not know are errors, as in the component. */
export function parseFlags(set: FlagSet, args: readonly string[]): ParsedFlags {
  const reader = new Reader(set, args);
  const error = reader.run();
  const parsed = { values: reader.values, positional: reader.positional };
  return error === undefined ? parsed : { ...parsed, error };
}

class Reader {
  readonly values = new Map<string, string[]>();
  readonly positional: string[] = [];
  readonly #set: FlagSet;
  readonly #rest: string[];

  constructor(set: FlagSet, args: readonly string[]) {
    this.#set = set;
    this.#rest = [...args];
  }

  run(): string | undefined {
    for (let arg = this.#rest.shift(); arg !== undefined; arg = this.#rest.shift()) {
      if (arg === "--") {
        this.positional.push(...this.#rest);
        return undefined;
      }
      let error: string | undefined;
      if (arg.startsWith("--")) error = this.#long(arg);
      else if (arg.startsWith("-") && arg.length > 1) error = this.#short(arg);
      else this.positional.push(arg);
      if (error !== undefined) return error;
    }
    return undefined;
  }

  #long(arg: string): string | undefined {
    const [given = "", ...after] = arg.slice(2).split("=");
    if (given === "" || given.startsWith("-")) return `bad flag syntax: ${arg}`;
    const name = given.replaceAll("_", "-");
    const type = this.#set.typeOf(name);
    if (type === undefined) return `unknown flag: --${given}`;
    let value = after.length > 0 ? after.join("=") : undefined;
    if (value === undefined) value = type === "bool" ? "true" : this.#rest.shift();
    return value === undefined ? `flag needs an argument: --${given}` : this.#put(name, type, value);
  }

  /** `-v` is the only flag of one letter besides `-h`; `-v=2`, `-v2` and `-v 2` are the same. */
  #short(arg: string): string | undefined {
    const letter = arg[1]!;
    if (letter === "h") return undefined;
    if (letter !== "v") return `unknown shorthand flag: '${letter}' in ${arg}`;
    const value = arg.length > 2 ? arg.slice(2).replace(/^=/, "") : this.#rest.shift();
    if (value === undefined) return `flag needs an argument: 'v' in ${arg}`;
    return this.#put("v", "int32", value);
  }

  #put(name: string, type: FlagType, value: string): string | undefined {
    const cause = checkValue(type, value);
    const shown = name === "v" ? "-v, --v" : `--${name}`;
    if (cause !== undefined) return `invalid argument ${goQuote(value)} for ${goQuote(shown)} flag: ${cause}`;
    const values = this.values.get(name);
    if (values === undefined) this.values.set(name, [value]);
    else values.push(value);
    return undefined;
  }
}

/** Why pflag does not take a value; undefined when it does. */
function checkValue(type: FlagType, value: string): string | undefined {
  switch (type) {
    case "bool":
      return checkBool(value);
    case "int":
      return checkInteger("ParseInt", value, 64);
    case "int32":
      return checkInteger("ParseInt", value, 32);
    case "ip":
      return value === "" || parseIPStrict(value.trim()) !== undefined
        ? undefined
        : `failed to parse IP: ${goQuote(value)}`;
    case "ipVar":
      return value === "" || parseIPSloppy(value) !== undefined
        ? undefined
        : `${goQuote(value)} is not a valid IP address`;
    case "ipPort":
      return checkIPPort(value);
    case "portRange":
      return checkPortRange(value);
    case "duration":
      return checkDuration(value);
    case "string":
    case "list":
      return undefined;
  }
}

function checkBool(value: string): string | undefined {
  if (/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)) return undefined;
  return `strconv.ParseBool: parsing ${goQuote(value)}: invalid syntax`;
}

/** Whether a value of a boolean flag, already checked, means true. */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|t|true)$/i.test(value);
}

const DURATION =
  /^[+-]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*)$/;

function checkDuration(value: string): string | undefined {
  if (DURATION.test(value)) return undefined;
  if (/^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$/.test(value))
    return `time: missing unit in duration ${goQuote(value)}`;
  const unit = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)([^0-9.]+)/.exec(value)?.[1];
  if (unit !== undefined && !/^(ns|us|µs|μs|ms|s|m|h)$/.test(unit)) {
    return `time: unknown unit ${goQuote(unit)} in duration ${goQuote(value)}`;
  }
  return `time: invalid duration ${goQuote(value)}`;
}

/** pkg/util/flag IPPortVar. */
function checkIPPort(value: string): string | undefined {
  if (value === "" || parseIPSloppy(value) !== undefined) return undefined;
  const split = splitHostPort(value);
  if (split.error !== undefined)
    return `${goQuote(value)} is not in a valid format (ip or ip:port): ${split.error}`;
  if (parseIPSloppy(split.host) === undefined) return `${goQuote(split.host)} is not a valid IP address`;
  if (!/^[0-9]+$/.test(split.port) || Number(split.port) > 65535)
    return `${goQuote(split.port)} is not a valid number`;
  return undefined;
}

/** net.SplitHostPort with its errors. */
export function splitHostPort(text: string): { host: string; port: string; error?: string } {
  const fail = (why: string) => ({ host: "", port: "", error: `address ${text}: ${why}` });
  const colon = text.lastIndexOf(":");
  if (colon < 0) return fail("missing port in address");
  let host = text.slice(0, colon);
  if (text.startsWith("[")) {
    const end = text.indexOf("]");
    if (end < 0) return fail("missing ']' in address");
    if (end + 1 === text.length) return fail("missing port in address");
    if (end + 1 !== colon)
      return fail(text[end + 1] === ":" ? "too many colons in address" : "missing port in address");
    host = text.slice(1, end);
  } else if (host.includes(":")) return fail("too many colons in address");
  if (/[[\]]/.test(host)) return fail("unexpected '[' in address");
  return { host, port: text.slice(colon + 1) };
}
