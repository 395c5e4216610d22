import { decodeKind } from "../crd/decode-custom.ts";
import { apiVersionOf, type Kind } from "../kinds.ts";
import { type ApiError, badRequest } from "../status.ts";
import type { AnyObject } from "../types.ts";
import { yaml } from "../yaml.ts";
import { DecodeError, decodeStruct, type FieldValidation } from "./decode.ts";
import { type GoValue, GoSyntaxError, hasDuplicateKeys, parseGoJson } from "./go-json.ts";
import { typeOfKind } from "./types.ts";

/** An object in the form that the server writes, and warnings for the client (texts without a warning header's head). */
export interface Decoded {
  readonly object: AnyObject;
  readonly warnings: string[];
}

/** How a request's text is read. */
export interface BodyOptions {
  readonly mode: FieldValidation;
  /** The text is YAML 1.1; otherwise JSON. */
  readonly yaml?: boolean;
}

/**
 * Reads the text of a request as an object of a kind. A missing apiVersion or kind is taken from the kind.
 * @throws ApiError 400 with the texts of the real server's decoder
 */
export function decodeBody(kind: Kind, text: string, options: BodyOptions): Decoded {
  const parsed = parseText(kind, text, options.yaml === true);
  const found = findKind(kind, parsed, text);
  if (parsed === null) return decodeValue(kind, {}, options.mode);
  const strict = options.mode !== "Ignore";
  const json = options.yaml !== true;
  const document = json && strict && hasDuplicateKeys(text, parsed) ? parseGoJson(text) : undefined;
  return decodeFound(kind, found, parsed as object, options.mode, document, json ? text : undefined);
}

/**
 * Reads a parsed value as an object of a kind, such as what a patch left.
 * @throws ApiError 400
 */
export function decodeValue(kind: Kind, value: object, mode: FieldValidation): Decoded {
  return decodeFound(kind, findKind(kind, value, JSON.stringify(value)), value, mode);
}

/** What a body says it is. */
export interface FoundKind {
  readonly apiVersion: string;
  readonly kind: string;
}

const HEAD =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

function parseText(kind: Kind, text: string, isYaml: boolean): unknown {
  try {
    return isYaml ? parseKubernetesYaml(text) : JSON.parse(text);
  } catch (cause) {
    const why = isYaml ? `error converting YAML to JSON: yaml: ${firstLine(cause)}` : jsonSyntaxError(text);
    throw unrecognized(kind, isYaml ? why : `couldn't get version/kind; json parse error: ${why}`, text);
  }
}

/** Go's text for what is wrong with a JSON text that JSON.parse refused. */
export function jsonSyntaxError(text: string): string {
  try {
    parseGoJson(text);
    return "invalid JSON";
  } catch (error) {
    if (error instanceof GoSyntaxError) return error.message;
    throw error;
  }
}

/** Reads YAML as Kubernetes does: version 1.1, but without its times and base-60 numbers. */
export function parseKubernetesYaml(text: string): unknown {
  return yaml().parse(text, {
    version: "1.1",
    uniqueKeys: false,
    customTags: (tags) =>
      tags.filter((tag) => !UNUSED_TAGS.has(typeof tag === "string" ? tag : (tag.format ?? tag.tag))),
  });
}

const UNUSED_TAGS = new Set(["timestamp", "tag:yaml.org,2002:timestamp", "TIME"]);

function firstLine(cause: unknown): string {
  return cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
}

function findKind(kind: Kind, value: unknown, text: string): FoundKind {
  const fallback = { apiVersion: apiVersionOf(kind), kind: kind.kind };
  if (value === null) return fallback;
  const why = typeOfHead(value);
  if (why !== undefined) {
    throw unrecognized(
      kind,
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${why}`,
      text,
    );
  }
  const head = value as Partial<FoundKind>;
  const apiVersion = head.apiVersion ?? "";
  if (apiVersion.split("/").length > 2) {
    throw unrecognized(kind, `unexpected GroupVersion string: ${apiVersion}`, text);
  }
  return {
    apiVersion: apiVersion === "" ? fallback.apiVersion : apiVersion,
    kind: head.kind || fallback.kind,
  };
}

function typeOfHead(value: unknown): string | undefined {
  if (typeof value !== "object") return `${goKind(value)} into Go value of type ${HEAD}`;
  if (Array.isArray(value)) return `array into Go value of type ${HEAD}`;
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    if (key !== "apiVersion" && key !== "kind") continue;
    const item = record[key];
    if (item === null || typeof item === "string") continue;
    return `${goKind(item)} into Go struct field .${key} of type string`;
  }
  return undefined;
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

/** Decodes a parsed value as what it says it is, and refuses what is of another kind than asked for. @throws ApiError 400 */
export function decodeFound(
  kind: Kind,
  found: FoundKind,
  value: object,
  mode: FieldValidation,
  document?: GoValue,
  text?: string,
): Decoded {
  const [group, version] = splitApiVersion(found.apiVersion);
  if (kind.custom !== undefined) return decodeCustomFound(kind, found, value, mode, document);
  try {
    const target = { ...kind, group, version, kind: found.kind };
    const isOther = found.kind !== kind.kind || group !== kind.group || version !== kind.version;
    const type = isOther ? otherType(target, found) : typeOfKind(kind);
    const decoded = decodeStruct(type, withKind(value, found), {
      strict: mode !== "Ignore",
      flavour: "json",
      document,
    });
    if (isOther)
      throw new DecodeError(`converting (${type.name}) to (${internalName(kind)}): unknown conversion`);
    return judged(decoded, mode);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw cannotBeHandled(kind, found.kind, version, exactText(error, kind, text, mode, document));
  }
}

/** Of a custom resource the apiVersion must be the one asked for; its kind is checked with the rest of it. */
function decodeCustomFound(
  kind: Kind,
  found: FoundKind,
  value: object,
  mode: FieldValidation,
  document?: GoValue,
): Decoded {
  const expected = apiVersionOf(kind);
  if (found.apiVersion !== expected) {
    const data = `the API version in the data (${found.apiVersion})`;
    throw badRequest(`${data} does not match the expected API version (${expected})`);
  }
  const options = { strict: mode !== "Ignore", flavour: "json", document } as const;
  try {
    const decoded = decodeKind(kind, withKind(value, found), options);
    return judged(decoded, mode);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw cannotBeHandled(kind, found.kind, kind.version, error.message);
  }
}

function withKind(value: object, found: FoundKind): object {
  const head = value as Partial<FoundKind>;
  return head.apiVersion === found.apiVersion && head.kind === found.kind ? value : { ...value, ...found };
}

/** A mismatch in a text is explained from the text itself, because a parsed number has lost its spelling. */
function exactText(
  error: DecodeError,
  kind: Kind,
  text: string | undefined,
  mode: FieldValidation,
  document: GoValue | undefined,
): string {
  if (text === undefined || document !== undefined || !error.message.includes("number")) return error.message;
  try {
    const value = JSON.parse(text) as object;
    decodeStruct(typeOfKind(kind), value, {
      strict: mode !== "Ignore",
      flavour: "json",
      document: parseGoJson(text),
    });
  } catch (exact) {
    if (exact instanceof DecodeError) return exact.message;
  }
  return error.message;
}

function otherType(target: Kind, found: FoundKind): ReturnType<typeof typeOfKind> {
  try {
    return typeOfKind(target);
  } catch {
    throw new DecodeError(
      `no kind ${JSON.stringify(found.kind)} is registered for version ${JSON.stringify(found.apiVersion)} ` +
        'in scheme "pkg/runtime/scheme.go:111"',
    );
  }
}

function internalName(kind: Kind): string {
  const group = kind.group === "" ? "core" : (kind.group.split(".")[0] ?? "");
  return `${group}.${kind.kind}`;
}

/** The group and the version of an apiVersion. */
export function splitApiVersion(apiVersion: string): [string, string] {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

/** The refusal of a body whose kind is known, in the real server's words. */
export function cannotBeHandled(kind: Kind, found: string, version: string, why: string): ApiError {
  return badRequest(
    `${found} in version ${JSON.stringify(version)} cannot be handled as a ${kind.kind}: ${why}`,
  );
}

/** The refusal of a body of which not even the kind could be read, in the real server's words. */
export function unrecognized(kind: Kind, why: string, body: string | Buffer): ApiError {
  const summary = summarize(Buffer.from(body));
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind.kind}): ${why} (${summary})`,
  );
}

/** The first 30 bytes of a body: as they are when it looks like JSON, otherwise in hex. */
function summarize(bytes: Buffer): string {
  if (bytes.length === 0) return "<empty>";
  const encoding = bytes[0] === 0x7b ? "utf8" : "hex";
  return bytes.length > 30 ? `${bytes.subarray(0, 30).toString(encoding)} ...` : bytes.toString(encoding);
}

/** What validation by fields makes of unknown and duplicate fields: an error, or warnings. */
function judged(
  { value, strict }: { readonly value: unknown; readonly strict: readonly string[] },
  mode: FieldValidation,
): Decoded {
  if (mode === "Strict" && strict.length > 0)
    throw new DecodeError(`strict decoding error: ${strict.join(", ")}`);
  return { object: value as AnyObject, warnings: [...strict] };
}
