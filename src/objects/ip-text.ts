import { type Address, formatAddress, parseAddress, parseAddressAsGo } from "../ip/address.ts";
import { type Cidr, cidrOf, formatCidr } from "../ip/cidr.ts";
import { bitsOf, type Family } from "../ip/family.ts";
import { type FieldError, invalid } from "./field-errors.ts";

/** A CIDR as its text has it: the network, and the address before the slash with its host bits. */
export interface CidrText {
  readonly cidr: Cidr;
  readonly address: Address;
}

const SLOPPY_CIDR_LENGTH = /^[0-9]{1,9}$/;
const STRICT_CIDR = /^[^/%]+\/(0|[1-9][0-9]{0,2})$/;
const INVALID_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const INVALID_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/**
 * The family of an address as Go's net.IP sees it: leading zeros are decimal and IPv4-mapped IPv6 is IPv4.
 * Undefined for text that is no address (`netutils.ParseIPSloppy`).
 */
export function familyAsGo(text: string): Family | undefined {
  return parseAddressAsGo(text)?.family;
}

/** The text that Go's net.IP prints for an address, which is the name of its IPAddress object. */
export function canonicalAsGo(text: string): string | undefined {
  const address = parseAddressAsGo(text);
  return address && formatAddress(address);
}

/** Reads a CIDR as `netutils.ParseCIDRSloppy` does: leading zeros and host bits are taken. */
export function parseCidrAsGo(text: string): CidrText | undefined {
  const slash = text.indexOf("/");
  const length = text.slice(slash + 1);
  const address = slash < 0 ? undefined : parseAddressAsGo(text.slice(0, slash));
  if (address === undefined || !SLOPPY_CIDR_LENGTH.test(length)) return undefined;
  // An IPv4-mapped network has its length counted in 128 bits.
  const written = text.slice(0, slash).includes(":") ? 128 : 32;
  const prefix = Number(length) - (written - bitsOf(address.family));
  if (Number(length) > written || prefix < 0) return undefined;
  return { address, cidr: cidrOf(address, prefix) };
}

/**
 * Whether an address is fit for a field older than strict validation; values that the stored object has
 * already are taken as they are (apimachinery validation.IsValidIPForLegacyField, StrictIPCIDRValidation
 * off).
 */
export function checkLegacyAddress(
  field: string,
  value: string,
  stored: readonly string[] = [],
): FieldError[] {
  if (familyAsGo(value) !== undefined || stored.includes(value)) return [];
  return [invalid(field, value, INVALID_ADDRESS)];
}

/** The same for a CIDR (validation.IsValidCIDRForLegacyField). */
export function checkLegacyCidr(field: string, value: string, stored: readonly string[] = []): FieldError[] {
  if (parseCidrAsGo(value) !== undefined || stored.includes(value)) return [];
  return [invalid(field, value, INVALID_CIDR)];
}

/**
 * Why an address is not in the one form that new fields take (validation.IsValidIP); undefined when it is.
 */
export function strictAddressProblem(value: string): string | undefined {
  const canonical = canonicalAsGo(value);
  if (canonical === undefined) return INVALID_ADDRESS;
  const strict = parseAddress(value);
  if (strict === undefined) return "must not have leading 0s";
  if (isMapped(strict, value)) return "must not be an IPv4-mapped IPv6 address";
  return value === canonical ? undefined : `must be in canonical form ("${canonical}")`;
}

/** Whether a CIDR is in the one form that new fields take (validation.IsValidCIDR). */
export function checkStrictCidr(field: string, value: string): FieldError[] {
  const problem = strictCidrProblem(value);
  return problem === undefined ? [] : [invalid(field, value, problem)];
}

function strictCidrProblem(value: string): string | undefined {
  const parsed = parseCidrAsGo(value);
  if (parsed === undefined) return INVALID_CIDR;
  const strict = parseAddress(value.slice(0, value.indexOf("/")));
  if (!STRICT_CIDR.test(value) || strict === undefined) {
    return "must not have leading 0s in IP or prefix length";
  }
  if (isMapped(strict, value)) return "must not have an IPv4-mapped IPv6 address";
  if (parsed.address.value !== parsed.cidr.base) return "must not have bits set beyond the prefix length";
  const canonical = formatCidr(parsed.cidr);
  return value === canonical ? undefined : `must be in canonical form ("${canonical}")`;
}

/** Warnings about an address that is taken but not in its canonical form (validation.GetWarningsForIP). */
export function addressWarnings(field: string, value: string): string[] {
  const canonical = canonicalAsGo(value);
  if (canonical === undefined || canonical === value) return [];
  const strict = parseAddress(value);
  if (strict === undefined || isMapped(strict, value)) {
    return [
      `${field}: non-standard IP address ${JSON.stringify(value)} will be considered invalid in a future ` +
        `Kubernetes release: use ${JSON.stringify(canonical)}`,
    ];
  }
  return [
    `${field}: IPv6 address ${JSON.stringify(value)} should be in RFC 5952 canonical format ` +
      `(${JSON.stringify(canonical)})`,
  ];
}

/** The same for a CIDR (validation.GetWarningsForCIDR). */
export function cidrWarnings(field: string, value: string): string[] {
  const parsed = parseCidrAsGo(value);
  if (parsed === undefined) return [];
  const { address, cidr } = parsed;
  const canonical = formatCidr(cidr);
  const quoted = JSON.stringify(value);
  const warnings: string[] = [];
  if (address.value !== cidr.base) {
    const single = `${formatAddress(address)}/${bitsOf(address.family)}`;
    warnings.push(
      `${field}: CIDR value ${quoted} is ambiguous in this context ` +
        `(should be "${canonical}" or "${single}"?)`,
    );
  }
  const strict = parseAddress(value.slice(0, value.indexOf("/")));
  if (!STRICT_CIDR.test(value) || strict === undefined || isMapped(strict, value)) {
    warnings.push(
      `${field}: non-standard CIDR value ${quoted} will be considered invalid in a future Kubernetes ` +
        `release: use "${canonical}"`,
    );
  } else if (warnings.length === 0 && value !== canonical) {
    warnings.push(
      `${field}: IPv6 CIDR value ${quoted} should be in RFC 5952 canonical format ("${canonical}")`,
    );
  }
  return warnings;
}

function isMapped(strict: Address, value: string): boolean {
  return strict.family === "IPv6" && familyAsGo(value.split("/")[0] ?? "") === "IPv4";
}
