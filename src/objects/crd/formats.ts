/** The string formats that kube-openapi checks (pkg/validation/strfmt); others are not checked. */
import { isIPv4, isIPv6 } from "node:net";
import { parseCidr } from "../../ip/cidr.ts";

const DNS_LABEL = /^([a-zA-Z0-9_]{1}[a-zA-Z0-9_-]{0,62}){1}(\.[a-zA-Z0-9_]{1}[a-zA-Z0-9_-]{0,62})*[._]?$/;
const DURATION =
  /^([0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|h|hr|d|w|nano|micro|milli|sec|min|hour|day|week)s?\s*)+$/i;

const CHECKS: Record<string, (text: string) => boolean> = {
  "date-time": (text) =>
    /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(text)),
  datetime: (text) => !Number.isNaN(Date.parse(text)),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  duration: (text) => DURATION.test(text),
  uri: (text) => URL.canParse(text) || /^\//.test(text),
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  hostname: (text) => text.length <= 255 && DNS_LABEL.test(text),
  ipv4: isIPv4,
  ipv6: (text) => isIPv6(text),
  cidr: (text) => parseCidr(text) !== undefined,
  mac: (text) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text),
  uuid: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  byte: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
};

/** Whether a text has a format; formats that are not known fit everything. */
export function matchesFormat(format: string, text: string): boolean {
  return CHECKS[format]?.(text) ?? true;
}
