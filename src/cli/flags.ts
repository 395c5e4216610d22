import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";

/** Takes the value of a flag that may be repeated, for commander. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

/** The value of a flag that is the port of a server, 1 to 65535; `usual` stands in the advice. @throws UserError */
export function parsePortFlag(what: string, flag: string, text: string, usual: number): number {
  const port = Number(text);
  if (/^[0-9]+$/.test(text) && port >= 1 && port <= 65535) return port;
  throw new UserError({
    what,
    where: `flag ${flag}, value ${JSON.stringify(text)}`,
    why: "a port is a number from 1 to 65535",
    next: `for example ${flag} ${usual}`,
    exitCode: EXIT.usage,
  });
}
