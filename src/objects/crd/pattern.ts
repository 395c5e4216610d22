/** Regular expressions of schemas are RE2; what JavaScript spells differently is translated. */
const cache = new Map<string, RegExp>();

/** Compiles a pattern of RE2 syntax. Patterns that JavaScript cannot read match everything. */
export function compilePattern(pattern: string): RegExp {
  const cached = cache.get(pattern);
  if (cached !== undefined) return cached;
  const compiled = compile(pattern);
  cache.set(pattern, compiled);
  return compiled;
}

/** Whether a pattern can be read. */
export function isValidPattern(pattern: string): boolean {
  const { source, flags } = translate(pattern);
  try {
    new RegExp(source, flags);
    return true;
  } catch {
    return false;
  }
}

function compile(pattern: string): RegExp {
  const translated = translate(pattern);
  try {
    return new RegExp(translated.source, translated.flags);
  } catch {
    return /^/;
  }
}

/** `(?i)` in front becomes a flag; `\A`, `\z` and POSIX classes become what JavaScript has. */
function translate(pattern: string): { source: string; flags: string } {
  let source = pattern;
  let flags = "";
  const inline = /^(\^?)\(\?([ims]+)\)/.exec(source);
  if (inline !== null) {
    flags = inline[2] ?? "";
    source = (inline[1] ?? "") + source.slice(inline[0].length);
  }
  source = source
    .replaceAll("\\A", "^")
    .replaceAll("\\z", "$")
    .replaceAll("[:alnum:]", "0-9A-Za-z")
    .replaceAll("[:alpha:]", "A-Za-z")
    .replaceAll("[:digit:]", "0-9")
    .replaceAll("[:lower:]", "a-z")
    .replaceAll("[:upper:]", "A-Z")
    .replaceAll("[:space:]", "\\s")
    .replaceAll("[:word:]", "\\w")
    .replaceAll("[:xdigit:]", "0-9A-Fa-f");
  return { source, flags };
}
