import { readFileSync } from "node:fs";
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import type { StaticTokens } from "./tokens/static-tokens.ts";
import { AUTHENTICATED } from "./user.ts";

/** Adds the users of a token file: lines of `token,user,uid` and optionally `"group,group"`. @throws UserError */
export function readTokenFile(path: string, tokens: StaticTokens): void {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw tokenFileError(path, (cause as Error).message, cause);
  }
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const fields = splitCsv(line.trim());
    const [token = "", name = "", uid = "", groups = ""] = fields;
    if (fields.length < 3) throw tokenFileError(`${path}:${index + 1}`, "it has fewer than 3 columns");
    if (token === "" || name === "")
      throw tokenFileError(`${path}:${index + 1}`, "the token or the user is empty");
    const all = groups.split(",").filter((group) => group !== "");
    tokens.add(token, { name, uid, groups: [...all, AUTHENTICATED] });
  }
}

function splitCsv(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)]
    .slice(0, -1)
    .map(([, field = ""]) => (field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field));
}

function tokenFileError(where: string, why: string, cause?: unknown): UserError {
  return new UserError({
    what: "cannot read the token file",
    where,
    why,
    next: 'write lines of token,user,uid,"group,group"',
    exitCode: EXIT.badInput,
    cause,
  });
}
