import { InvalidArgumentError } from "commander";
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

/** The value of a flag that is a container image, for commander. @throws InvalidArgumentError where it can be none */
export function imageFlag(text: string): string {
  if (/^[a-zA-Z0-9][\w.:/@-]*$/.test(text)) return text;
  throw new InvalidArgumentError("It is no image, such as registry.example/tandem:1.0.");
}

/** The same for a DNS domain, without a dot at its end. */
export function domainFlag(text: string): string {
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
  if (text.length <= 253 && text.split(".").every((part) => label.test(part))) return text;
  throw new InvalidArgumentError("It is no DNS domain, such as cluster.local.");
}
