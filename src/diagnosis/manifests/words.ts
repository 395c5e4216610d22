/** Command lines of containers, taken apart into words with their places; scripts of shells as well. Pure. */
import { type Path, textsOf } from "./model.ts";

/** One word of a command line. */
export interface Word {
  readonly text: string;
  readonly path: Path;
  /** In a script of several lines, the line, from 0. */
  readonly textLine?: number;
}

/** Words of `command` and `args`; what has blanks in it is a script, or a command of one string. */
export function wordsOf(container: Readonly<Record<string, unknown>>, path: Path): readonly Word[] {
  return ["command", "args"].flatMap((field) =>
    textsOf(container[field]).flatMap((text, index) => split(text, [...path, field, index])),
  );
}

function split(text: string, path: Path): readonly Word[] {
  if (!/\s/.test(text.trim())) return [{ text: text.trim(), path }];
  return text.split("\n").flatMap((line, textLine) => {
    if (/^\s*#/.test(line)) return [];
    const words = line.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
    return words.map((word) => ({ text: word.replace(/["']/g, "").replace(/[;&|]+$/, ""), path, textLine }));
  });
}
