import { type FieldError, invalid } from "../field-errors.ts";

// The formats of names and labels, with the texts of apimachinery's util/validation/validation.go.

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and " +
  "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must " +
  "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED_TEXT =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must " +
  "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used " +
  "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** All are counted in bytes of UTF-8; the texts about names call them characters nevertheless. */
function tooLong(value: string, max: number, unit = "characters"): string[] {
  return Buffer.byteLength(value) > max ? [`must be no more than ${max} ${unit}`] : [];
}

/** What is wrong with a DNS label (RFC 1123); empty when nothing is. */
export function dnsLabelProblems(value: string): string[] {
  const problems = tooLong(value, 63);
  if (!LABEL.test(value)) problems.push(SUBDOMAIN.test(value) ? "must not contain dots" : LABEL_TEXT);
  return problems;
}

/** What is wrong with a DNS subdomain (RFC 1123). */
export function dnsSubdomainProblems(value: string): string[] {
  const problems = tooLong(value, 253);
  if (!SUBDOMAIN.test(value)) problems.push(SUBDOMAIN_TEXT);
  return problems;
}

/** What is wrong with the name of a port (IANA service name, RFC 6335). */
export function portNameProblems(value: string): string[] {
  const problems = tooLong(value, 15);
  if (!/^[-a-z0-9]+$/.test(value)) {
    problems.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!/[a-z]/.test(value)) problems.push("must contain at least one letter (a-z)");
  if (value.includes("--")) problems.push("must not contain consecutive hyphens");
  if (value.startsWith("-") || value.endsWith("-")) problems.push("must not begin or end with a hyphen");
  return problems;
}

/** What is wrong with a port's number. */
export function portNumberProblems(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : ["must be between 1 and 65535, inclusive"];
}

/** What is wrong with a qualified name: `name` or `prefix/name`. */
export function qualifiedNameProblems(value: string): string[] {
  const parts = value.split("/");
  if (parts.length > 2) {
    const suffix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
    return [`a valid label key ${QUALIFIED_TEXT} ${suffix}`];
  }
  const problems: string[] = [];
  const name = parts.at(-1) ?? "";
  if (parts.length === 2) {
    const prefix = parts[0] ?? "";
    const found = prefix === "" ? ["must be non-empty"] : dnsSubdomainProblems(prefix);
    problems.push(...found.map((problem) => `prefix part ${problem}`));
  }
  if (name === "") problems.push("name part must be non-empty");
  for (const problem of tooLong(name, 63, "bytes")) problems.push(`name part ${problem}`);
  if (!QUALIFIED.test(name)) problems.push(`name part ${QUALIFIED_TEXT}`);
  return problems;
}

/** What is wrong with the value of a label. */
export function labelValueProblems(value: string): string[] {
  const problems = tooLong(value, 63, "bytes");
  if (value !== "" && !QUALIFIED.test(value)) problems.push(VALUE_TEXT);
  return problems;
}

/** What is wrong with a set of labels, as errors of the field that holds it. */
export function labelErrors(field: string, labels: Readonly<Record<string, string>>): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels)) {
    errors.push(...qualifiedNameProblems(key).map((problem) => invalid(field, key, problem)));
    errors.push(...labelValueProblems(value).map((problem) => invalid(field, value, problem)));
  }
  return errors;
}

/** The problems of one value as errors of its field. */
export function asErrors(field: string, value: unknown, problems: readonly string[]): FieldError[] {
  return problems.map((problem) => invalid(field, value, problem));
}
