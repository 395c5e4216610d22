/**
 * Whether a regular expression is one of RE2, which is what Envoy takes. One that it does not take would have the whole
 * route table refused, with everybody's routes in it; so it has to be found out here.
 */

/** Why Envoy would refuse the expression, or undefined when it takes it (https://github.com/google/re2/wiki/Syntax). */
export function re2Problem(pattern: string): string | undefined {
  try {
    // Envoy reads patterns and texts as bytes (RE2::Latin1)
    const text = Buffer.from(pattern).toString("latin1");
    const reader: Reader = { text, at: 0, depth: 0, names: new Set() };
    const { items } = alternation(reader);
    if (items > MAX_ITEMS) return "it is too large when its repetitions are written out";
    return reader.at < text.length ? `unexpected ) at ${reader.at}` : undefined;
  } catch (error) {
    if (error instanceof BadPattern) return error.message;
    throw error;
  }
}

class BadPattern extends Error {}

interface Reader {
  readonly text: string;
  at: number;
  depth: number;
  readonly names: Set<string>;
}

/** RE2 refuses counts above this, products of nested ones as well, and deep nesting. */
const MAX_REPEAT = 1000;
const MAX_DEPTH = 200;
/** RE2's memory is enough for this many items in any case. */
const MAX_ITEMS = 30_000;

/** How large something is when repetitions are written out, and the largest product of counts in it. */
interface Size {
  readonly items: number;
  readonly repeat: number;
}

const ONE: Size = { items: 1, repeat: 1 };

function alternation(reader: Reader): Size {
  let items = 0;
  let repeat = 1;
  let last: Size | undefined;
  const take = (next: Size | undefined) => {
    items += last?.items ?? 0;
    repeat = Math.max(repeat, last?.repeat ?? 1);
    last = next;
  };
  while (reader.at < reader.text.length && reader.text[reader.at] !== ")") {
    const char = reader.text[reader.at] ?? "";
    const repeated = char === "|" ? undefined : repetition(reader, last);
    if (repeated !== undefined) {
      last = repeated;
      take(undefined);
    } else if (char === "|") {
      reader.at++;
      take(undefined);
    } else take(atom(reader, char));
  }
  take(undefined);
  return { items, repeat };
}

/** Reads `*`, `+`, `?` or `{n,m}` with its lazy mark; undefined where there is none: a brace that is no count is a literal. */
function repetition(reader: Reader, last: Size | undefined): Size | undefined {
  const match = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??/.exec(reader.text.slice(reader.at, reader.at + 32));
  if (match === null) return undefined;
  const [whole, min, max] = match;
  if (last === undefined) throw new BadPattern(`nothing to repeat before ${whole} at ${reader.at}`);
  const counts = [min, max].filter((text) => text !== undefined && text !== "").map(Number);
  if (counts.length === 2 && (counts[0] ?? 0) > (counts[1] ?? 0))
    throw new BadPattern(`repetition ${whole} counts backwards`);
  const count = Math.max(1, ...counts);
  const repeat = last.repeat * count;
  if (repeat > MAX_REPEAT)
    throw new BadPattern(`repetition ${whole} is, with those inside of it, above ${MAX_REPEAT}`);
  reader.at += whole.length;
  return { items: last.items * count, repeat };
}

/** Reads one item; undefined where nothing was read that a repetition can follow (flags). */
function atom(reader: Reader, char: string): Size | undefined {
  if (char === "(") return group(reader);
  if (char === "[") characterClass(reader);
  else if (char === "\\") return escapeSequence(reader, false);
  else reader.at++;
  return ONE;
}

function group(reader: Reader): Size | undefined {
  const start = reader.at;
  const head = /^\((?:\?P?<([A-Za-z0-9_]+)>|\?([imsU]*(?:-[imsU]+)?)(:|\)))?/.exec(reader.text.slice(start));
  const whole = head?.[0] ?? "(";
  if (whole === "(" && reader.text[start + 1] === "?")
    throw new BadPattern(`${reader.text.slice(start, start + 4)} at ${start} is not in RE2 (no look-around)`);
  const name = head?.[1];
  if (name !== undefined && reader.names.has(name)) throw new BadPattern(`two groups are named ${name}`);
  if (name !== undefined) reader.names.add(name);
  reader.at += whole.length;
  if (head?.[3] === ")") return undefined;
  if (++reader.depth > MAX_DEPTH) throw new BadPattern("groups are nested too deeply");
  const { items, repeat } = alternation(reader);
  if (reader.text[reader.at] !== ")") throw new BadPattern(`missing ) for ( at ${start}`);
  reader.depth--;
  reader.at++;
  return { items: items + 1, repeat };
}

const POSIX_CLASS =
  /^\[:\^?(alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/;

function characterClass(reader: Reader): void {
  const start = reader.at++;
  if (reader.text[reader.at] === "^") reader.at++;
  for (let first = true; first || reader.text[reader.at] !== "]"; first = false) {
    if (reader.at >= reader.text.length) throw new BadPattern(`missing ] for [ at ${start}`);
    const posix = POSIX_CLASS.exec(reader.text.slice(reader.at, reader.at + 16));
    if (posix !== null) reader.at += posix[0].length;
    else classRange(reader);
  }
  reader.at++;
}

function classRange(reader: Reader): void {
  const start = reader.at;
  const low = classItem(reader);
  if (low === undefined || reader.text[reader.at] !== "-" || reader.text[reader.at + 1] === "]") return;
  if (reader.at + 1 >= reader.text.length) return;
  reader.at++;
  const high = classItem(reader);
  if (high === undefined || high < low)
    throw new BadPattern(`bad range ${reader.text.slice(start, reader.at)} at ${start}`);
}

/** The byte of one item of a class; undefined for a set such as `\d`. */
function classItem(reader: Reader): number | undefined {
  const start = reader.at;
  if (reader.text[start] !== "\\") return reader.text.charCodeAt(reader.at++);
  escapeSequence(reader, true);
  const text = reader.text.slice(start + 1, reader.at);
  if (/^[dDsSwWpP]/.test(text)) return undefined;
  const hex = /^x\{?([0-9A-Fa-f]+)/.exec(text);
  if (hex !== null) return Number.parseInt(hex[1] ?? "0", 16);
  if (/^[0-7]/.test(text)) return Number.parseInt(text, 8);
  return CONTROLS[text] ?? text.charCodeAt(0);
}

const CONTROLS: Readonly<Record<string, number>> = { a: 7, t: 9, n: 10, v: 11, f: 12, r: 13 };

const ESCAPE =
  /^\\(?:[dDsSwWabBfnrtvzA]|[pP](?:[A-Z]|\{\^?[A-Za-z_]+\})|x(?:[0-9A-Fa-f]{2}|\{0*[0-9A-Fa-f]{1,2}\})|0[0-7]{0,2}|[1-3][0-7]{1,2}|[4-7][0-7](?![0-7])|[!-/:-@[-`{-~ \t\n\r])/u;

function escapeSequence(reader: Reader, inClass: boolean): Size {
  const rest = reader.text.slice(reader.at);
  if (!inClass && rest.startsWith("\\Q")) {
    const end = rest.indexOf("\\E");
    reader.at += end < 0 ? rest.length : end + 2;
    return { items: rest.length, repeat: 1 };
  }
  const match = ESCAPE.exec(rest);
  const bad = match === null || (inClass && /^\\[bBzA]/.test(match[0]));
  if (bad)
    throw new BadPattern(`escape ${rest.slice(0, 2)} at ${reader.at} is not in RE2 (no back-references)`);
  const property = /^\\[pP](?:\{\^?(\w+)\}|(\w))/.exec(match[0]);
  if (property !== null && !isUnicodeClass(property[1] ?? property[2] ?? ""))
    throw new BadPattern(`${match[0]} at ${reader.at} is no Unicode class`);
  reader.at += match[0].length;
  return ONE;
}

const CATEGORIES = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/;
/** Names of scripts of four letters; all others of four are codes (`Grek`), which RE2 does not know. */
const SHORT_SCRIPTS = /^(?:Ahom|Cham|Kawi|Lisu|Miao|Modi|Newa|Thai|Toto)$/;

/** Not in the tables of Envoy's RE2: what Unicode 16 brought. */
const NEWER =
  /^(?:Unknown|Garay|Gurung_Khema|Kirat_Rai|Ol_Onal|Sunuwar|Todhri|Tulu_Tigalari|Sidetic|Tolong_Siki|Beria_Erfe|Tai_Yo)$/;

/** RE2 knows general categories (`L`, `Lu`), scripts by name (`Greek`) and `Any`. */
function isUnicodeClass(name: string): boolean {
  if (name === "Any" || CATEGORIES.test(name)) return true;
  if ((name.length === 4 && !SHORT_SCRIPTS.test(name)) || NEWER.test(name)) return false;
  try {
    return new RegExp(`\\p{Script=${name}}`, "u") !== undefined;
  } catch {
    return false;
  }
}
