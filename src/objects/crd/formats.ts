/** The string formats that kube-openapi checks (pkg/validation/strfmt); others are not checked. */
import { isIPv4, isIPv6 } from "node:net";
import { parseCidr } from "../../ip/cidr.ts";
import { dnsLabelProblems, dnsSubdomainProblems } from "../service/formats.ts";

const DNS_LABEL = /^([a-zA-Z0-9_]{1}[a-zA-Z0-9_-]{0,62}){1}(\.[a-zA-Z0-9_]{1}[a-zA-Z0-9_-]{0,62})*[._]?$/;
const DURATION =
  /^([0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|h|hr|d|w|nano|micro|milli|sec|min|hour|day|week)s?\s*)+$/i;

const CHECKS: Record<string, (text: string) => boolean> = {
  datetime: (text) =>
    /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(text)),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  duration: (text) => DURATION.test(text),
  uri: (text) => URL.canParse(text) || /^\//.test(text),
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  hostname: (text) => text.length <= 255 && DNS_LABEL.test(text),
  ipv4: (text) => text.includes(".") && (isIPv4(withoutLeadingZeros(text)) || isPlainIPv6(text)),
  ipv6: isPlainIPv6,
  cidr: (text) => parseCidr(text) !== undefined,
  mac: (text) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text),
  uuid: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uuid3: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uuid4: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  uuid5: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  hexcolor: (text) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text),
  ssn: (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  password: () => true,
  k8sshortname: (text) => dnsLabelProblems(text).length === 0,
  k8slongname: (text) => dnsSubdomainProblems(text).length === 0,
  byte: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
};

/** Go reads 010.001.000.001 as 10.1.0.1. */
function withoutLeadingZeros(text: string): string {
  return text.replace(/(^|\.)0+(?=\d)/g, "$1");
}

/** An IPv6 address without a zone, also one that ends as an IPv4 address does. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

/** A format's check; dashes in its name mean nothing. */
function checkOf(format: string): ((text: string) => boolean) | undefined {
  const name = format.replaceAll("-", "");
  return Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
}

/** Whether a format counts: others are as if they were not there. */
export function isKnownFormat(format: string | undefined): boolean {
  return format !== undefined && checkOf(format) !== undefined;
}

/** Whether a text has a format; formats that are not known fit everything. */
export function matchesFormat(format: string, text: string): boolean {
  return checkOf(format)?.(text) ?? true;
}
