import { decodeBody, decodeValue } from "../../objects/index.ts";
import type { Kind } from "../../objects/kinds.ts";
import { PROTOBUF_TYPE, readQuestion } from "../../objects/protobuf/questions.ts";
import type { AnyObject } from "../../objects/types.ts";
import { type Call, readBytes } from "../http/call.ts";
import { mediaType, readObjectBody } from "../rest/body.ts";
import { writeQuery } from "../rest/options.ts";

/**
 * Reads the body of a question about access or of a token's request, as JSON, YAML or, alone among all kinds, Protocol
 * Buffers: `kubectl auth can-i` sends nothing else.
 * @throws ApiError 400, 413, 415
 */
export async function questionOf(
  call: Call,
  kind: Kind,
): Promise<{ readonly object: AnyObject; readonly warnings: readonly string[] }> {
  const { fieldValidation: mode } = writeQuery(call, "create");
  if (mediaType(call) === PROTOBUF_TYPE) {
    return decodeValue(kind, readQuestion(kind, await readBytes(call)), mode);
  }
  const { text, yaml } = await readObjectBody(call);
  return decodeBody(kind, text, { mode, yaml });
}
