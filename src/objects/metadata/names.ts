import { dnsLabelProblems, dnsSubdomainProblems } from "../service/formats.ts";

const DNS_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const DNS_1035_TEXT =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, " +
  "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is " +
  "'[a-z]([-a-z0-9]*[a-z0-9])?')";

/** What is wrong with a name; with `prefix` it is a generateName, to which more is appended. */
export type NameRule = (name: string, prefix: boolean) => string[];

/** A dash at the end of a generateName is fine. */
function withoutTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith("-") ? `${name.slice(0, -2)}a` : name;
}

/** Names that are DNS subdomains: those of most kinds. */
export const subdomainName: NameRule = (name, prefix) =>
  dnsSubdomainProblems(prefix ? withoutTrailingDash(name) : name);

/** Names that are DNS labels: those of namespaces. */
export const labelName: NameRule = (name, prefix) =>
  dnsLabelProblems(prefix ? withoutTrailingDash(name) : name);

/** Names that are DNS labels and begin with a letter: those of Services. */
export const serviceName: NameRule = (name, prefix) => {
  const checked = prefix ? withoutTrailingDash(name) : name;
  const problems = checked.length > 63 ? ["must be no more than 63 characters"] : [];
  return DNS_1035.test(checked) ? problems : [...problems, DNS_1035_TEXT];
};

/** Names that only must be usable in a path (api/validation/path). */
export const pathSegmentName: NameRule = (name, prefix) => {
  const problems: string[] = [];
  if (!prefix && (name === "." || name === "..")) problems.push(`may not be '${name}'`);
  for (const forbidden of ["/", "%"]) {
    if (name.includes(forbidden)) problems.push(`may not contain '${forbidden}'`);
  }
  return problems;
};

const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH = 5;
/** Longest name that the generator makes (names/generate.go). */
const MAX_GENERATED = 63;

/**
 * Some characters that look like no word, as names of pods end with (apimachinery util/rand SafeEncodeString).
 * @param random yields numbers from 0 up to 1; a name's collisions are the caller's to retry
 */
function randomSuffix(random: () => number = Math.random, length = SUFFIX_LENGTH): string {
  let suffix = "";
  for (let i = 0; i < length; i++) suffix += ALPHABET[Math.floor(random() * ALPHABET.length)];
  return suffix;
}

/** A name from a generateName: at most 63 characters, of which the last five are random. */
export function generateName(base: string, random?: () => number): string {
  return `${base.slice(0, MAX_GENERATED - SUFFIX_LENGTH)}${randomSuffix(random)}`;
}
