import { duplicate, type FieldError, invalid, notSupported, required, tooMany } from "../field-errors.ts";
import { checkLegacyAddress, familyAsGo, strictAddressProblem } from "../ip-text.ts";
import { immutable } from "../metadata/validate-metadata.ts";
import { sameJson } from "../patch/json-value.ts";
import {
  asErrors,
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelErrors,
  labelValueProblems,
  portNumberProblems,
  qualifiedNameProblems,
} from "../service/formats.ts";
import { specialAddressErrors } from "../service/validate-external.ts";
import type { Endpoint, EndpointPort, EndpointSlice, Endpoints } from "../types.ts";

// Checks of EndpointSlices and Endpoints (pkg/apis/discovery/validation, pkg/apis/core/validation).

const ADDRESS_TYPES = ["FQDN", "IPv4", "IPv6"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const ZONE = "topology.kubernetes.io/zone";
const MAX = { endpoints: 1000, ports: 20_000, addresses: 100, topology: 16, hints: 8 };

/** Checks an EndpointSlice. */
export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  const type: string = slice.addressType ?? "";
  return [
    ...checkAddressType(type),
    ...checkSlicePorts(slice.ports ?? []),
    ...checkEndpoints(slice.endpoints ?? [], type),
  ];
}

/**
 * Checks an EndpointSlice that is to replace a stored one: it keeps to its family. Endpoints that stay as they are were
 * good once, and are not looked at.
 */
export function validateEndpointSliceUpdate(next: EndpointSlice, stored: EndpointSlice): FieldError[] {
  const isSame = sameJson(next.endpoints ?? [], stored.endpoints ?? []);
  return [
    ...validateEndpointSlice(isSame ? { ...next, endpoints: [] } : next),
    ...immutable("addressType", next.addressType, stored.addressType),
  ];
}

function checkAddressType(type: string): FieldError[] {
  if (type === "") return [required("addressType")];
  return ADDRESS_TYPES.includes(type) ? [] : [notSupported("addressType", type, ADDRESS_TYPES)];
}

function checkEndpoints(endpoints: readonly Endpoint[], type: string): FieldError[] {
  if (endpoints.length > MAX.endpoints) return [tooMany("endpoints", endpoints.length, MAX.endpoints)];
  return endpoints.flatMap((endpoint, index) => checkEndpoint(`endpoints[${index}]`, endpoint, type));
}

function checkEndpoint(field: string, endpoint: Endpoint, type: string): FieldError[] {
  const addresses = endpoint.addresses ?? [];
  const path = `${field}.addresses`;
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(path, "must contain at least 1 address"));
  else if (addresses.length > MAX.addresses) errors.push(tooMany(path, addresses.length, MAX.addresses));
  addresses.forEach((address, index) => {
    errors.push(...checkAddress(path, index, address, type));
  });
  const topology = endpoint.deprecatedTopology ?? {};
  const size = Object.keys(topology).length;
  if (size > MAX.topology) errors.push(tooMany(`${field}.deprecatedTopology`, size, MAX.topology));
  errors.push(...labelErrors(`${field}.deprecatedTopology`, topology));
  if (ZONE in topology) errors.push(reserved(`${field}.deprecatedTopology[${ZONE}]`));
  const { nodeName, hostname } = endpoint;
  if (nodeName !== undefined)
    errors.push(...asErrors(`${field}.nodeName`, nodeName, dnsSubdomainProblems(nodeName)));
  if (hostname !== undefined)
    errors.push(...asErrors(`${field}.hostname`, hostname, dnsLabelProblems(hostname)));
  return [...errors, ...checkHints(`${field}.hints`, endpoint)];
}

/** The zone has a field of its own. */
function reserved(field: string): FieldError {
  const message = "Internal error: reserved key was not removed in conversion";
  return { field, reason: "InternalError", message };
}

/** IPv4 addresses may have an old form, IPv6 addresses only the canonical one. */
function checkAddress(list: string, index: number, address: string, type: string): FieldError[] {
  const field = `${list}[${index}]`;
  if (type === "FQDN") return checkDomain(field, address);
  if (type !== "IPv4" && type !== "IPv6") return [];
  if (type === "IPv4") {
    const errors = checkLegacyAddress(field, address);
    if (errors.length > 0) return errors;
  } else {
    const problem = strictAddressProblem(address);
    if (problem !== undefined) return [invalid(field, address, problem)];
  }
  const article = `must be an ${type} address`;
  const family = familyAsGo(address) === type ? [] : [invalid(list, address, article)];
  return [...family, ...specialAddressErrors(field, address)];
}

/** Whether a text is a domain of two labels at least: one error, of the part that is wrong (IsFullyQualifiedDomainName). */
function checkDomain(field: string, name: string): FieldError[] {
  if (name === "") return [required(field)];
  const bare = name.replace(/\.$/, "");
  const one = (value: string, problems: readonly string[]) => invalid(field, value, problems.join(","));
  const problems = dnsSubdomainProblems(bare);
  if (problems.length > 0) return [one(bare, problems)];
  const labels = bare.split(".");
  if (labels.length < 2)
    return [one(bare, ["should be a domain with at least two segments separated by dots"])];
  const wrong = labels.find((label) => dnsLabelProblems(label).length > 0);
  return wrong === undefined ? [] : [one(wrong, dnsLabelProblems(wrong))];
}

/** Where there are too many zones, nothing else of the hints is looked at. */
function checkHints(field: string, { hints }: Endpoint): FieldError[] {
  const zones = checkHintNames(`${field}.forZones`, hints?.forZones ?? [], labelValueProblems);
  if ((hints?.forZones ?? []).length > MAX.hints) return zones;
  return [...zones, ...checkHintNames(`${field}.forNodes`, hints?.forNodes ?? [], dnsSubdomainProblems)];
}

function checkHintNames(
  field: string,
  list: readonly { readonly name: string }[],
  problems: (name: string) => string[],
): FieldError[] {
  if (list.length > MAX.hints) return [tooMany(field, list.length, MAX.hints)];
  const seen = new Set<string>();
  return list.flatMap(({ name }, index) => {
    const path = `${field}[${index}].name`;
    const errors = seen.has(name) ? [duplicate(path, name)] : [];
    seen.add(name);
    return [...errors, ...asErrors(path, name, problems(name))];
  });
}

function checkSlicePorts(ports: readonly EndpointPort[]): FieldError[] {
  if (ports.length > MAX.ports) return [tooMany("ports", ports.length, MAX.ports)];
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const field = `ports[${index}]`;
    const name = port.name ?? "";
    const errors = name === "" ? [] : asErrors(`${field}.name`, name, dnsLabelProblems(name));
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
    return [
      ...errors,
      ...checkProtocol(`${field}.protocol`, port.protocol),
      ...checkAppProtocol(field, port),
    ];
  });
}

function checkProtocol(field: string, protocol: string | undefined): FieldError[] {
  if (!protocol) return [required(field)];
  return PROTOCOLS.includes(protocol) ? [] : [notSupported(field, protocol, PROTOCOLS)];
}

function checkAppProtocol(field: string, { appProtocol }: EndpointPort): FieldError[] {
  if (appProtocol === undefined) return [];
  return asErrors(`${field}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol));
}

/** Checks an Endpoints object; `stored` is the old one on updates, whose odd addresses are taken on. */
export function validateEndpoints({ subsets = [] }: Endpoints, stored?: Endpoints): FieldError[] {
  const known = (stored?.subsets ?? []).flatMap((subset) =>
    [...(subset.addresses ?? []), ...(subset.notReadyAddresses ?? [])].map((item) => item.ip),
  );
  return subsets.flatMap((subset, index) => {
    const field = `subsets[${index}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    const errors: FieldError[] = [];
    if (addresses.length + notReadyAddresses.length === 0) {
      errors.push(required(field, "must specify `addresses` or `notReadyAddresses`"));
    }
    for (const [name, list] of Object.entries({ addresses, notReadyAddresses })) {
      list.forEach((item, at) => {
        errors.push(...checkEndpointAddress(`${field}.${name}[${at}]`, item, known));
      });
    }
    ports.forEach((port, at) => {
      errors.push(...checkEndpointPort(`${field}.ports[${at}]`, port, ports.length > 1));
    });
    return errors;
  });
}

interface EndpointAddress {
  readonly ip: string;
  readonly hostname?: string;
  readonly nodeName?: string;
}

function checkEndpointAddress(field: string, item: EndpointAddress, known: readonly string[]): FieldError[] {
  const { ip, hostname = "", nodeName } = item;
  const malformed = checkLegacyAddress(`${field}.ip`, ip, known);
  const errors = [...malformed];
  if (hostname !== "") errors.push(...asErrors(`${field}.hostname`, hostname, dnsLabelProblems(hostname)));
  if (nodeName !== undefined)
    errors.push(...asErrors(`${field}.nodeName`, nodeName, dnsSubdomainProblems(nodeName)));
  return malformed.length > 0 ? errors : [...errors, ...specialAddressErrors(`${field}.ip`, ip)];
}

function checkEndpointPort(field: string, port: EndpointPort, needsName: boolean): FieldError[] {
  const { name = "", port: number = 0 } = port;
  const errors: FieldError[] = [];
  if (needsName && name === "") errors.push(required(`${field}.name`));
  else if (name !== "") errors.push(...asErrors(`${field}.name`, name, dnsLabelProblems(name)));
  errors.push(...asErrors(`${field}.port`, number, portNumberProblems(number)));
  return [...errors, ...checkProtocol(`${field}.protocol`, port.protocol), ...checkAppProtocol(field, port)];
}
