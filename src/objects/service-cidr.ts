import { parseCidr } from "../ip/cidr.ts";
import { type FieldError, invalid, required } from "./field-errors.ts";
import { checkStrictCidr, parseCidrAsGo } from "./ip-text.ts";
import type { ServiceCIDR } from "./types.ts";

const CIDRS = "spec.cidrs";
const IMMUTABLE = "field is immutable";

/**
 * Checks a new ServiceCIDR: one or two networks in canonical form, one of each family (ValidateServiceCIDR in
 * pkg/apis/networking/validation/validation.go). Metadata is checked elsewhere.
 */
export function validateServiceCidr(object: ServiceCIDR): FieldError[] {
  const cidrs = object.spec?.cidrs ?? [];
  if (cidrs.length === 0) return [required(CIDRS, "at least one CIDR required")];
  // The bad value is printed as the real server's internal spec here, and as the list below.
  if (cidrs.length > 2) return [invalid(CIDRS, { CIDRs: cidrs }, "may only hold up to 2 values")];
  const errors = cidrs.flatMap((cidr, index) => checkStrictCidr(`${CIDRS}[${index}]`, cidr));
  const [first, second] = cidrs.map((text) => parseCidrAsGo(text)?.cidr.family);
  if (first !== undefined && first === second) {
    const example = "192.168.0.0/24 and 2001:db8::/64";
    errors.push(invalid(CIDRS, cidrs, `may specify no more than one IP for each IP family, i.e ${example}`));
  }
  return errors;
}

/** Checks an update: networks stay as they are, but for a second one that may be added. */
export function validateServiceCidrUpdate(object: ServiceCIDR, stored: ServiceCIDR): FieldError[] {
  const before = stored.spec.cidrs;
  const after = object.spec?.cidrs ?? [];
  if (before.length === 1 && after.length === 2) {
    const errors = validateServiceCidr(object);
    if (before[0] !== after[0]) errors.push(invalid(`${CIDRS}[0]`, after[0], IMMUTABLE));
    return errors;
  }
  if (before.length !== after.length) return [invalid(CIDRS, after, IMMUTABLE)];
  return after.flatMap((cidr, index) =>
    cidr === before[index] ? [] : [invalid(`${CIDRS}[${index}]`, cidr, IMMUTABLE)],
  );
}

/** The networks of a ServiceCIDR that can be read, in their order. */
export function networksOf(object: ServiceCIDR): NonNullable<ReturnType<typeof parseCidr>>[] {
  return object.spec.cidrs.flatMap((text) => parseCidr(text) ?? []);
}
