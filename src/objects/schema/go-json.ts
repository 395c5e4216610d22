/**
 * A JSON reader that keeps what JSON.parse loses: keys that stand twice, the spelling of numbers, and the wording of
 * syntax errors of Go's encoding/json. It is slow and used only where one of these matters.
 */

/** An object with its entries in the order of the text, duplicates included. */
export class GoObject {
  readonly entries: (readonly [string, GoValue])[] = [];
}

/** A number with its spelling in the text. */
export class GoNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A JSON value as Go reads it: numbers keep their text, objects the order and doubles of their keys. */
export type GoValue = null | boolean | string | GoNumber | GoValue[] | GoObject;

/** A syntax error with the text that Go gives it. */
export class GoSyntaxError extends Error {}

const END = "unexpected end of JSON input";
/** As in encoding/json: deeper texts are refused. */
const MAX_DEPTH = 10_000;

/**
 * Reads a whole JSON text.
 * @throws GoSyntaxError
 */
export function parseGoJson(text: string): GoValue {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  value(depth: number): GoValue {
    this.space();
    const char = this.text[this.at];
    if (depth > MAX_DEPTH) throw new GoSyntaxError("exceeded max depth");
    switch (char) {
      case "{":
        return this.object(depth);
      case "[":
        return this.array(depth);
      case '"':
        return this.string();
      case "t":
        return this.literal("true", true);
      case "f":
        return this.literal("false", false);
      case "n":
        return this.literal("null", null);
      default:
        if (char === "-" || isDigit(char)) return this.number();
        return this.fail("looking for beginning of value");
    }
  }

  end(): void {
    this.space();
    if (this.at < this.text.length) this.fail("after top-level value");
  }

  private object(depth: number): GoObject {
    const result = new GoObject();
    this.at++;
    this.space();
    if (this.take("}")) return result;
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') this.fail("looking for beginning of object key string");
      const key = this.string();
      this.space();
      if (!this.take(":")) this.fail("after object key");
      result.entries.push([key, this.value(depth + 1)]);
      this.space();
      if (this.take("}")) return result;
      if (!this.take(",")) this.fail("after object key:value pair");
    }
  }

  private array(depth: number): GoValue[] {
    const result: GoValue[] = [];
    this.at++;
    this.space();
    if (this.take("]")) return result;
    for (;;) {
      result.push(this.value(depth + 1));
      this.space();
      if (this.take("]")) return result;
      if (!this.take(",")) this.fail("after array element");
    }
  }

  private string(): string {
    const start = this.at++;
    for (;;) {
      const char = this.text[this.at];
      if (char === '"') break;
      if (char === "\\") this.escape();
      else if (char === undefined || char < " ") this.fail("in string literal");
      else this.at++;
    }
    this.at++;
    return JSON.parse(this.text.slice(start, this.at)) as string;
  }

  private escape(): void {
    this.at++;
    const char = this.text[this.at];
    if (char === "u") {
      for (let i = 0; i < 4; i++) {
        this.at++;
        if (!/[0-9a-fA-F]/.test(this.text[this.at] ?? "")) this.fail("in \\u hexadecimal character escape");
      }
    } else if (char === undefined || !'"\\/bfnrt'.includes(char)) {
      this.fail("in string escape code");
    }
    this.at++;
  }

  private literal<T>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      if (this.text[this.at + i] !== word[i]) {
        this.at += i;
        this.fail(`in literal ${word} (expecting '${word[i]}')`);
      }
    }
    this.at += word.length;
    return value;
  }

  private number(): GoNumber {
    const start = this.at;
    this.take("-");
    if (!this.take("0")) this.digits("in numeric literal");
    if (this.take(".")) this.digits("after decimal point in numeric literal");
    if (this.take("e") || this.take("E")) {
      if (!this.take("+")) this.take("-");
      this.digits("in exponent of numeric literal");
    }
    return new GoNumber(this.text.slice(start, this.at));
  }

  private digits(context: string): void {
    if (!isDigit(this.text[this.at])) this.fail(context);
    while (isDigit(this.text[this.at])) this.at++;
  }

  private take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  private space(): void {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at++;
  }

  private fail(context: string): never {
    const char = this.text[this.at];
    if (char === undefined) throw new GoSyntaxError(END);
    throw new GoSyntaxError(`invalid character ${quoteChar(char)} ${context}`);
  }
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= "0" && char <= "9";
}

/** Go scans bytes, so that a character outside of ASCII shows as its first byte. */
function quoteChar(char: string): string {
  if (char === "'") return "'\\''";
  if (char === '"') return "'\"'";
  const byte = Buffer.from(char, "utf8")[0] ?? 0;
  if (byte === 0x5c) return "'\\\\'";
  const names: Readonly<Record<number, string>> = {
    7: "\\a",
    8: "\\b",
    9: "\\t",
    10: "\\n",
    11: "\\v",
    12: "\\f",
    13: "\\r",
  };
  if (byte < 0x20 || byte === 0x7f) return `'${names[byte] ?? `\\x${byte.toString(16).padStart(2, "0")}`}'`;
  if (byte >= 0x80 && byte < 0xa0) return `'\\u00${byte.toString(16)}'`;
  return `'${String.fromCharCode(byte)}'`;
}

/** The plain value of a parsed text; of keys that stand twice the last one counts. */
export function plainValue(value: GoValue): unknown {
  if (value instanceof GoNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(plainValue);
  if (!(value instanceof GoObject)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of value.entries) setKey(result, key, plainValue(item));
  return result;
}

/** Sets an own property, also of the name `__proto__`. */
export function setKey(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  } else {
    target[key] = value;
  }
}

/**
 * Whether some object of a text might name a key twice: the text has more colons outside of strings than its parsed
 * value has keys. Exact, in one pass over each.
 */
export function hasDuplicateKeys(text: string, value: unknown): boolean {
  return countColons(text) !== countKeys(value);
}

function countColons(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x3a) count++;
    else if (code === 0x22) i = endOfString(text, i);
  }
  return count;
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) return i;
    if (code === 0x5c) i++;
  }
  return text.length;
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object") count += countKeys(item);
    return count;
  }
  for (const key in value) {
    count++;
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === "object") count += countKeys(item);
  }
  return count;
}
