import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory, and a file is needed",
  EACCES: "it may not be read by this user",
};

/**
 * The text of a file, or of the standard input for `-`; a mark of byte order at its beginning is taken off.
 * @param about the parts of the error where it cannot be read; `next` says what it should be
 * @throws UserError with EXIT.badInput
 */
export async function readInput(
  path: string,
  about: { readonly what: string; readonly where: string; readonly next: string },
): Promise<string> {
  try {
    const content = path === "-" ? await text(process.stdin) : await readFile(path, "utf8");
    return content.replace(/^\uFEFF/, "");
  } catch (cause) {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    throw new UserError({ ...about, why: REASONS[code] ?? message, exitCode: EXIT.badInput, cause });
  }
}
