import { type FieldError, invalid, required } from "./field-errors.ts";
import { strictAddressProblem } from "./ip-text.ts";
import { asErrors, dnsSubdomainProblems } from "./service/formats.ts";
import type { IPAddress } from "./types.ts";

const PARENT = "spec.parentRef";

/** What is wrong with the name of an IPAddress, which must be an address in canonical form. */
export function ipAddressNameProblems(name: string): string[] {
  const problem = strictAddressProblem(name);
  return problem === undefined ? [] : [problem];
}

/**
 * Checks a new IPAddress: it must say whose it is (ValidateIPAddress in pkg/apis/networking/validation). Its
 * name is checked with its metadata, by {@link ipAddressNameProblems}.
 */
export function validateIPAddress(object: IPAddress): FieldError[] {
  const parent: Partial<IPAddress["spec"]["parentRef"]> | undefined = object.spec?.parentRef;
  if (parent === undefined) return [required(PARENT)];
  const { group = "", resource = "", namespace = "", name = "" } = parent;
  return [
    ...(group === "" ? [] : asErrors(`${PARENT}.group`, group, dnsSubdomainProblems(group))),
    ...checkSegment(`${PARENT}.resource`, resource, true),
    ...checkSegment(`${PARENT}.name`, name, true),
    ...checkSegment(`${PARENT}.namespace`, namespace, false),
  ];
}

/** Checks an update: an address never changes hands. */
export function validateIPAddressUpdate(object: IPAddress, stored: IPAddress): FieldError[] {
  const before = internalParent(stored);
  const after = internalParent(object);
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [invalid(PARENT, after, "field is immutable")];
}

/** The reference as the real server prints it in errors: its internal type. */
function internalParent(object: IPAddress): object | undefined {
  const parent: Partial<IPAddress["spec"]["parentRef"]> | undefined = object.spec?.parentRef;
  if (parent === undefined) return undefined;
  const { group = "", resource = "", namespace = "", name = "" } = parent;
  return { Group: group, Resource: resource, Namespace: namespace, Name: name };
}

function checkSegment(field: string, value: string, isRequired: boolean): FieldError[] {
  if (value === "") return isRequired ? [required(field)] : [];
  return asErrors(field, value, pathSegmentProblems(value));
}

/** What bars a name from being one segment of a URL's path (apimachinery api/validation/path). */
function pathSegmentProblems(name: string): string[] {
  if (name === "." || name === "..") return [`may not be '${name}'`];
  return ["/", "%"].filter((part) => name.includes(part)).map((part) => `may not contain '${part}'`);
}
