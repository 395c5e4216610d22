import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";

const VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
/** Verbs that no request has by itself, but that rules may name. */
const SPECIAL_VERBS = ["impersonate", "bind", "escalate"];
/** The API server takes at most 2^32 seconds. */
const MAX_DAYS = 49_710;

/** Reads `--verbs`. @throws UserError */
export function parseVerbs(text: string): string[] {
  const verbs = splitList(text);
  if (verbs.length === 0)
    throw badFlag("--verbs", text, "it names no verb", "for example --verbs get,list,watch");
  const known = new Set([...VERBS, ...SPECIAL_VERBS, "*"]);
  const unknown = verbs.find((verb) => !known.has(verb));
  if (unknown === undefined) return verbs;
  const why = `${JSON.stringify(unknown)} is no verb of the API`;
  throw badFlag("--verbs", text, why, `use some of ${VERBS.join(", ")}, or * for all`);
}

/** Reads `--user`: the name of a ServiceAccount. @throws UserError */
export function parseUserName(text: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) return text;
  const why = "a user's name has lower-case letters, digits and dashes, at most 63";
  throw badFlag("--user", text, why, "for example --user reader");
}

/** Reads `--valid-for`. @throws UserError */
export function parseDays(text: string): number {
  const days = Number(text);
  if (/^\d+$/.test(text) && days >= 1 && days <= MAX_DAYS) return days;
  throw badFlag(
    "--valid-for",
    text,
    `it is no number of days from 1 to ${MAX_DAYS}`,
    "for example --valid-for 30",
  );
}

/** The parts of a list with commas, each once. */
export function splitList(text: string): string[] {
  const parts = text.split(",").map((part) => part.trim());
  return [...new Set(parts.filter((part) => part !== ""))];
}

/** A flag's value that will not do. */
export function badFlag(flag: string, value: string, why: string, next: string): UserError {
  const where = `flag ${flag}, value ${JSON.stringify(value)}`;
  return new UserError({ what: "cannot make the user", where, why, next, exitCode: EXIT.badInput });
}
