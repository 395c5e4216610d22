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

/** The value of a flag that is a hop limit (a TTL), for commander. @throws InvalidArgumentError where it is none */
export function hopLimitFlag(text: string): number {
  const hops = Number(text);
  if (/^\d+$/.test(text) && hops >= 1 && hops <= 255) return hops;
  throw new InvalidArgumentError("a hop limit is a number from 1 to 255");
}

/** The value of a flag that is a container image, for commander. @throws InvalidArgumentError where it can be none */
export function imageFlag(text: string): string {
  if (/^[a-zA-Z0-9][\w.:/@-]*$/.test(text)) return text;
  throw new InvalidArgumentError("it is no image, such as registry.example/tandem:1.0");
}

/** The flag of the cluster's domain, for commander: `command.option(...CLUSTER_DOMAIN_FLAG)`. */
export const CLUSTER_DOMAIN_FLAG = [
  "--cluster-domain <domain>",
  "domain of the cluster",
  domainFlag,
  "cluster.local",
] as const;

/** With less there is no room for the names of Services in a name of 255 octets (RFC 1035, 2.3.4). */
const LONGEST_DOMAIN = 200;

/** A DNS domain in small letters and without a dot at its end, for commander. @throws InvalidArgumentError where it can be none */
export function domainFlag(text: string): string {
  const domain = text.toLowerCase().replace(/\.$/, "");
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
  if (domain.length <= LONGEST_DOMAIN && domain.split(".").every((part) => label.test(part))) return domain;
  throw new InvalidArgumentError("it is no DNS domain, such as cluster.local");
}
