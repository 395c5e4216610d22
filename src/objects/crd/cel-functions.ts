/** The CEL functions that Kubernetes adds to the standard ones (k8s.io/apiserver pkg/cel/library). */
import {
  type CelFunc,
  type CelInput,
  type CelList,
  CelScalar,
  type CelValue,
  celFunc,
  celMethod,
  listType,
} from "@bufbuild/cel";
import { canonicalAddress, parseAddress } from "../../ip/address.ts";
import { cidrContains, cidrOf, formatCidr, parseCidr } from "../../ip/cidr.ts";
import { compilePattern } from "./pattern.ts";

const { STRING, BOOL, INT, DYN } = CelScalar;
const ANY_LIST = listType(DYN);

function compare(a: CelValue, b: CelValue): number {
  if (a === b) return 0;
  return (a as string | bigint | number) < (b as string | bigint | number) ? -1 : 1;
}

function itemsOf(list: CelList): CelValue[] {
  return [...list];
}

const LISTS: readonly CelFunc[] = [
  celMethod("isSorted", ANY_LIST, [], BOOL, function () {
    const items = itemsOf(this);
    return items.every((item, index) => index === 0 || compare(items[index - 1] as CelValue, item) <= 0);
  }),
  celMethod("sum", ANY_LIST, [], DYN, function () {
    const items = itemsOf(this);
    return items.reduce<bigint | number>((sum, item) => {
      return typeof item === "bigint" && typeof sum === "bigint" ? sum + item : Number(sum) + Number(item);
    }, 0n) as CelInput<typeof DYN>;
  }),
  celMethod("min", ANY_LIST, [], DYN, function () {
    return extreme(itemsOf(this), "min", -1) as CelInput<typeof DYN>;
  }),
  celMethod("max", ANY_LIST, [], DYN, function () {
    return extreme(itemsOf(this), "max", 1) as CelInput<typeof DYN>;
  }),
  celMethod("indexOf", ANY_LIST, [DYN], INT, function (wanted) {
    return BigInt(itemsOf(this).findIndex((item) => item === wanted));
  }),
  celMethod("lastIndexOf", ANY_LIST, [DYN], INT, function (wanted) {
    return BigInt(itemsOf(this).findLastIndex((item) => item === wanted));
  }),
];

function extreme(items: readonly CelValue[], name: string, sign: number): CelValue {
  const [first, ...rest] = items;
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return rest.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best), first);
}

const SETS: readonly CelFunc[] = [
  celFunc("sets.contains", [ANY_LIST, ANY_LIST], BOOL, (a, b) => containsAll(a, b)),
  celFunc("sets.equivalent", [ANY_LIST, ANY_LIST], BOOL, (a, b) => containsAll(a, b) && containsAll(b, a)),
  celFunc("sets.intersects", [ANY_LIST, ANY_LIST], BOOL, (a, b) => itemsOf(a).some((item) => has(b, item))),
];

function containsAll(a: CelList, b: CelList): boolean {
  return itemsOf(b).every((item) => has(a, item));
}

function has(list: CelList, wanted: CelValue): boolean {
  return itemsOf(list).some((item) => item === wanted);
}

const REGEX: readonly CelFunc[] = [
  celMethod("find", STRING, [STRING], STRING, function (pattern) {
    return compilePattern(pattern).exec(this)?.[0] ?? "";
  }),
  celMethod("findAll", STRING, [STRING], listType(STRING), function (pattern) {
    return findAll(this, pattern);
  }),
  celMethod("findAll", STRING, [STRING, INT], listType(STRING), function (pattern, limit) {
    return limit < 0n ? findAll(this, pattern) : findAll(this, pattern).slice(0, Number(limit));
  }),
];

function findAll(text: string, pattern: string): string[] {
  const { source, flags } = compilePattern(pattern);
  return [...text.matchAll(new RegExp(source, `${flags.replace("g", "")}g`))].map((match) => match[0]);
}

/** IP addresses and CIDRs are carried as their canonical text, URLs as their text: no more is needed of them. */
const NETWORK: readonly CelFunc[] = [
  celFunc("isIP", [STRING], BOOL, (text) => parseAddress(text) !== undefined),
  celFunc("ip", [STRING], STRING, (text) => {
    const address = canonicalAddress(text);
    if (address === undefined)
      throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
    return address;
  }),
  celFunc("ip.isCanonical", [STRING], BOOL, (text) => canonicalAddress(text) === text),
  celMethod("family", STRING, [], INT, function () {
    return this.includes(":") ? 6n : 4n;
  }),
  celMethod("isLoopback", STRING, [], BOOL, function () {
    return inside(this, "127.0.0.0/8") || inside(this, "::1/128");
  }),
  celMethod("isUnspecified", STRING, [], BOOL, function () {
    return this === "0.0.0.0" || this === "::";
  }),
  celMethod("isLinkLocalUnicast", STRING, [], BOOL, function () {
    return inside(this, "169.254.0.0/16") || inside(this, "fe80::/10");
  }),
  celFunc("isCIDR", [STRING], BOOL, (text) => parseCidr(text) !== undefined),
  celFunc("cidr", [STRING], STRING, (text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined)
      throw new Error(`network address parse error during conversion from string: ${text}`);
    return formatCidr(cidr);
  }),
  celMethod("containsIP", STRING, [STRING], BOOL, function (address) {
    return inside(address, this);
  }),
  celMethod("containsCIDR", STRING, [STRING], BOOL, function (inner) {
    const [outer, other] = [parseCidr(this), parseCidr(inner)];
    if (outer === undefined || other === undefined) return false;
    return outer.prefix <= other.prefix && cidrContains(outer, { family: other.family, value: other.base });
  }),
  celMethod("prefixLength", STRING, [], INT, function () {
    return BigInt(parseCidr(this)?.prefix ?? -1);
  }),
  celMethod("masked", STRING, [], STRING, function () {
    const cidr = parseCidr(this);
    return cidr === undefined
      ? this
      : formatCidr(cidrOf({ family: cidr.family, value: cidr.base }, cidr.prefix));
  }),
];

function inside(text: string, network: string): boolean {
  const [address, cidr] = [parseAddress(text), parseCidr(network)];
  return address !== undefined && cidr !== undefined && cidrContains(cidr, address);
}

const URLS: readonly CelFunc[] = [
  celFunc("isURL", [STRING], BOOL, (text) => isUrl(text)),
  celFunc("url", [STRING], STRING, (text) => {
    if (!isUrl(text)) throw new Error(`URL parse error during conversion from string: ${text}`);
    return text;
  }),
  ...urlPart("getScheme", (url) => url.protocol.replace(/:$/, "")),
  ...urlPart("getHost", (url) => url.host),
  ...urlPart("getHostname", (url) => url.hostname.replace(/^\[|\]$/g, "")),
  ...urlPart("getPort", (url) => url.port),
  ...urlPart("getEscapedPath", (url) => url.pathname),
];

function isUrl(text: string): boolean {
  return text.startsWith("/") || (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && URL.canParse(text));
}

function urlPart(name: string, part: (url: URL) => string): CelFunc[] {
  return [
    celMethod(name, STRING, [], STRING, function () {
      return part(new URL(this, "relative:///"));
    }),
  ];
}

/** All of them, for the environment of a rule. */
export const KUBERNETES_FUNCTIONS: readonly CelFunc[] = [...LISTS, ...SETS, ...REGEX, ...NETWORK, ...URLS];
