import { PROTOBUF_TYPE } from "../../objects/protobuf/questions.ts";
import { ApiError } from "../../objects/status.ts";
import { type Call, headerOf, readBody } from "../http/call.ts";

/** A body's text and form. */
export interface TextBody {
  readonly text: string;
  readonly yaml: boolean;
}

/**
 * Reads a body in one of the forms that objects are sent in. Protobuf is refused with 415, upon which clients fall back.
 * @throws ApiError 413, 415
 */
export async function readObjectBody(call: Call): Promise<TextBody> {
  const type = mediaType(call);
  const yaml = type === "application/yaml";
  if (type === PROTOBUF_TYPE) throw protobufBody();
  if (!yaml && type !== "" && type !== "application/json") throw unknownFormat();
  return { text: await readBody(call), yaml };
}

/** The content type of a request without its parameters, in lower case. */
export function mediaType(call: Call): string {
  return (headerOf(call, "content-type").split(";")[0] ?? "").trim().toLowerCase();
}

/** 415 in the words of the real server, which reads protobuf too. */
function unknownFormat(): ApiError {
  const types = `application/json, application/yaml, ${PROTOBUF_TYPE}`;
  const message = `the body of the request was in an unknown format - accepted media types include: ${types}`;
  return new ApiError({ message, reason: "UnsupportedMediaType", code: 415 });
}

/** 415 that says what this server cannot do, and what its client can. */
function protobufBody(): ApiError {
  const message =
    `this server does not read objects in ${PROTOBUF_TYPE}: send application/json or application/yaml ` +
    "(with kubectl: kubectl create ... --dry-run=client -o yaml | kubectl create -f -)";
  return new ApiError({ message, reason: "UnsupportedMediaType", code: 415 });
}
