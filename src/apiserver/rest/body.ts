import {
  type Decoded,
  decodeBody,
  decodeProtobuf,
  decodeProtobufAs,
  type FieldValidation,
  parseKubernetesYaml,
} from "../../objects/index.ts";
import type { Kind } from "../../objects/kinds.ts";
import { PROTOBUF_TYPE } from "../../objects/protobuf/envelope.ts";
import { ApiError, badRequest } from "../../objects/status.ts";
import { type Call, headerOf, readBody, readBytes } from "../http/call.ts";

/**
 * Reads a body as an object of a kind, in any of the forms that objects are sent in.
 * @throws ApiError 400, 413, 415
 */
export async function readObject(call: Call, kind: Kind, mode: FieldValidation): Promise<Decoded> {
  const type = typeOfBody(call, kind);
  if (type === PROTOBUF_TYPE) return decodeProtobuf(kind, await readBytes(call));
  return decodeBody(kind, await readBody(call), { mode, yaml: type === YAML_TYPE });
}

/**
 * Reads what is not stored as it came: the body of a subresource, or the options of a deletion. Its types are the
 * caller's to check.
 * @returns undefined when there is no body
 * @throws ApiError 400, 413, 415
 */
export async function readPlain(call: Call, kind: Kind): Promise<unknown> {
  const type = typeOfBody(call, kind);
  const bytes = await readBytes(call);
  if (type === PROTOBUF_TYPE) return bytes.length === 0 ? undefined : decodeProtobufAs(kind, bytes);
  const text = bytes.toString("utf8");
  return text.trim() === "" ? undefined : parsePlain(text, type === YAML_TYPE);
}

/** Parses a body that is not decoded by a schema. @throws ApiError 400 */
export function parsePlain(text: string, yaml = false): unknown {
  try {
    return yaml ? parseKubernetesYaml(text) : JSON.parse(text);
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
  }
}

const JSON_TYPE = "application/json";
const YAML_TYPE = "application/yaml";

/** Custom resources are no messages: nobody has numbered their fields. */
function typeOfBody(call: Call, kind: Kind): string {
  const types = [JSON_TYPE, YAML_TYPE, ...(kind.custom === undefined ? [PROTOBUF_TYPE] : [])];
  const type = mediaType(call) || JSON_TYPE;
  if (types.includes(type)) return type;
  const message = `the body of the request was in an unknown format - accepted media types include: ${types.join(", ")}`;
  throw new ApiError({ message, reason: "UnsupportedMediaType", code: 415 });
}

/** The content type of a request without its parameters, in lower case. */
export function mediaType(call: Call): string {
  return (headerOf(call, "content-type").split(";")[0] ?? "").trim().toLowerCase();
}
