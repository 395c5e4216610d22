/** What pages say to type is what the command line takes. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { COMMANDS } from "../../src/cli/commands.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** `tandem` at the beginning of a line or of a piece of code, with what follows it up to a pipe or a comment. */
const CALL = /(?:^|`)\s*(?:\$ )?(?:bin\/)?tandem (\w[^\n`|;&>#]*)/gm;

async function topCommands(): Promise<ReadonlyMap<string, Command>> {
  const entries = COMMANDS.map(async ({ name, alias, load }) => {
    const command = (await load()).define();
    return [name, alias ?? name].map((word) => [word, command] as const);
  });
  return new Map((await Promise.all(entries)).flat());
}

function calls(): { page: string; call: string }[] {
  const pages = globSync("**/*.md", { cwd: ROOT, exclude: ["**/node_modules", ".tools", ".git"] });
  return pages.flatMap((page) => {
    // a line that goes on, and a bar in a table
    const text = readFileSync(join(ROOT, page), "utf8").replaceAll("\\\n", " ").replaceAll("\\|", " ");
    return [...text.matchAll(CALL)].map(([, call = ""]) => ({ page, call: call.trim() }));
  });
}

/** Why the command line would not take a call; undefined where it would. */
function refusal(tops: ReadonlyMap<string, Command>, call: string): string | undefined {
  const [first = "", ...words] = call.split(/\s+/);
  let command = tops.get(first);
  if (command === undefined) return `no command ${first}`;
  const known = new Set(["--help"]);
  for (;;) {
    for (const { long } of command.options) known.add(long ?? "");
    const next: Command | undefined = command.commands.find((sub) => sub.name() === words[0]);
    if (next === undefined) break;
    command = next;
    words.shift();
  }
  // the flags of other components, which are only judged
  if (command.name() === "flags") return undefined;
  const end = words.indexOf("--");
  const flags = (end < 0 ? words : words.slice(0, end)).map((word) => /^\[?(--[a-z][\w-]*)/.exec(word)?.[1]);
  const unknown = flags.find((flag) => flag !== undefined && !known.has(flag));
  return unknown && `${command.name()} has no flag ${unknown}`;
}

test("every command and flag that a page shows is there", async () => {
  const tops = await topCommands();
  const found = calls();
  assert.ok(found.length > 50, `only ${found.length} calls found`);
  const wrong = found.flatMap(({ page, call }) => {
    const why = refusal(tops, call);
    return why === undefined ? [] : [`${page}: tandem ${call}: ${why}`];
  });
  assert.deepEqual(wrong, []);
});
