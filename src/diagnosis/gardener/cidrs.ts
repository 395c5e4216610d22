/** CIDRs at paths, judged in the words of Gardener (pkg/utils/validation/cidr). */
import { addressAt, type Cidr, cidrContains, formatCidr, parseCidr } from "../../ip/cidr.ts";
import { type FieldError, invalid } from "../../objects/field-errors.ts";

/** A CIDR as written, and where. */
export interface PlacedCidr {
  readonly field: string;
  readonly text: string;
  readonly cidr: Cidr | undefined;
}

/** Reads a CIDR; undefined where there is no text. */
export function placed(field: string, text: string | undefined): PlacedCidr[] {
  return text === undefined ? [] : [{ field, text, cidr: parseCidr(text) }];
}

/** Texts that are no CIDRs. */
export function unreadable(cidrs: readonly PlacedCidr[]): FieldError[] {
  return cidrs
    .filter(({ cidr }) => cidr === undefined)
    .map(({ field, text }) => invalid(field, text, `invalid CIDR address: ${text}`));
}

/** CIDRs with host bits, or written in another form than Go's. */
export function notCanonical(cidrs: readonly PlacedCidr[]): FieldError[] {
  return cidrs
    .filter(({ cidr, text }) => cidr !== undefined && formatCidr(cidr) !== text)
    .map(({ field, text }) => invalid(field, text, "must be valid canonical CIDR"));
}

/** Those that are not inside the outer one. */
export function outside(outer: PlacedCidr, inner: readonly PlacedCidr[]): FieldError[] {
  return inner
    .filter(({ cidr }) => cidr !== undefined && outer.cidr !== undefined && !holds(outer.cidr, cidr))
    .map(({ field, text }) => invalid(field, text, `must be a subset of "${outer.field}" ("${outer.text}")`));
}

function holds(outer: Cidr, inner: Cidr): boolean {
  return cidrContains(outer, addressAt(inner, 0n)) && cidrContains(outer, addressAt(inner, -1n));
}

/** Those that share addresses with one. */
export function overlapping(one: PlacedCidr, others: readonly PlacedCidr[]): FieldError[] {
  return others
    .filter(({ cidr }) => cidr !== undefined && one.cidr !== undefined && shares(one.cidr, cidr))
    .map(({ field, text }) => invalid(field, text, `must not overlap with "${one.field}" ("${one.text}")`));
}

function shares(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, addressAt(b, 0n)) || cidrContains(b, addressAt(a, 0n));
}

/** Pairs among these that share addresses; the later one of each is named. */
export function overlappingPairs(cidrs: readonly PlacedCidr[]): FieldError[] {
  return cidrs.flatMap((cidr, index) => overlapping(cidr, cidrs.slice(index + 1)));
}
