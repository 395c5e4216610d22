/**
 * Values of annotations, read and refused as Go and the AWS Load Balancer Controller do (pkg/annotations/parser.go), so
 * that a Service means the same here and there.
 */

/** A value, or why the text is none: Go's words. */
export type Parsed<T> = { readonly value: T } | { readonly error: string };

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** Reads a boolean as `strconv.ParseBool` does: 1, t, T, TRUE, true, True and their opposites. */
export function parseBool(text: string): Parsed<boolean> {
  if (TRUE.has(text)) return { value: true };
  if (FALSE.has(text)) return { value: false };
  return { error: `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax` };
}

const INT32_MAX = 2 ** 31 - 1;

/** Reads a decimal number of 32 bits as `strconv.ParseInt` does. */
export function parseInt32(text: string): Parsed<number> {
  const because = (why: string) => ({ error: `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}` });
  if (!/^[+-]?[0-9]+$/.test(text)) return because("invalid syntax");
  const value = Number(text);
  if (value > INT32_MAX || value < -INT32_MAX - 1) return because("value out of range");
  return { value: value === 0 ? 0 : value };
}

/** The parts between commas, trimmed; empty ones are dropped. */
export function parseList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/**
 * Pairs `key=value` between commas. A backslash takes the character after it as it is; a comma that no pair follows
 * belongs to the value before it where nothing comes after, else the text is refused. Undefined where it is.
 */
export function parseMap(text: string): Record<string, string> | undefined {
  const pairs: [string, string][] = [];
  for (const part of splitPairs(text)) {
    const equals = part.indexOf("=");
    const key = equals < 0 ? "" : part.slice(0, equals).trim();
    if (key === "") return undefined;
    pairs.push([key, part.slice(equals + 1).trim()]);
  }
  return Object.fromEntries(pairs);
}

function splitPairs(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (character === "\\" && at + 1 < text.length) {
      at += 1;
      part += text[at];
      continue;
    }
    if (character !== ",") {
      part += character;
      continue;
    }
    const rest = text.slice(at + 1).trim();
    if (rest === "") part += character;
    else if (!rest.includes("=")) return [...parts, part.trim(), rest];
    else {
      parts.push(part.trim());
      part = "";
    }
  }
  return part === "" ? parts : [...parts, part.trim()];
}

/** Reads JSON; the error is the engine's, as Go's words depend on the type that is read into. */
export function parseJson(text: string): Parsed<unknown> {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
