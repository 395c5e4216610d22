/** Flags and operands of a command line. */
export interface Flags {
  readonly operands: readonly string[];
  /** The value of a flag; `true` where it is given without one. */
  text(name: string, fallback: string): string;
  number(name: string, fallback: number): number;
  boolean(name: string, fallback: boolean): boolean;
  /** A duration in Go's form, in milliseconds. */
  milliseconds(name: string, fallback: number): number;
}

/** Flags that take no value of their own, as pflag's booleans. */
const BOOLEANS = new Set(["tcp", "udp", "http", "close", "json-response"]);

/** Reads flags as pflag does: `--name=value`, `--name value`, `--boolean`; the rest are operands. */
export function parseFlags(argv: readonly string[]): Flags {
  const given = new Map<string, string>();
  const operands: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] as string;
    const match = /^--?([a-z][a-z-]*)(?:=(.*))?$/s.exec(word);
    if (match === null) operands.push(word);
    else {
      const name = match[1] as string;
      given.set(name, match[2] ?? (BOOLEANS.has(name) ? "true" : (argv[++at] ?? "")));
    }
  }
  return {
    operands,
    text: (name, fallback) => given.get(name) ?? fallback,
    number: (name, fallback) => Number(given.get(name) ?? fallback),
    boolean: (name, fallback) => (given.has(name) ? given.get(name) === "true" : fallback),
    milliseconds: (name, fallback) => parseDuration(given.get(name) ?? "") ?? fallback,
  };
}

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, us: 0.001, ns: 0.000_001 };

/** A duration in Go's form (`1m30s`, `500ms`, `0`) in milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^([0-9.]+(ms|us|ns|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/([0-9.]+)(ms|us|ns|s|m|h)/g))
    total += Number(number) * (UNITS[unit as string] as number);
  return total;
}
