import type { IncomingMessage, ServerResponse } from "node:http";
import { ApiError, badRequest } from "../../objects/status.ts";
import type { User } from "../auth/user.ts";

/** Bodies above this size are refused with 413, as the real server's limit (3 MiB, apiserver's MaxRequestBodyBytes). */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** One request under way. */
export interface Call {
  readonly method: string;
  /** The path as it was sent: percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly user: User;
}

/** An answer that is complete at once. */
export interface Reply {
  readonly status: number;
  readonly body: string | Buffer;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Texts for Warning headers (RFC 7234, code 299). */
  readonly warnings?: readonly string[];
}

/** Stands for an answer that the handler writes itself, such as a watch. */
export const STREAMED = Symbol("streamed");

/** What handlers give back. */
export type Answer = Reply | typeof STREAMED;

/** A header's value as one text; "" when it is missing. */
export function headerOf(call: Call, name: string): string {
  const value = call.request.headers[name];
  return Array.isArray(value) ? value.join(", ") : (value ?? "");
}

/** Reads the body as text. @throws ApiError 413 when it is too long, 400 when it breaks off */
export async function readBody(call: Pick<Call, "request">): Promise<string> {
  return (await readBytes(call)).toString("utf8");
}

/** Reads the body. @throws ApiError 413 when it is too long, 400 when it breaks off */
export function readBytes({ request }: Pick<Call, "request">): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
      else reject(bodyTooLarge());
    });
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("close", () => reject(badRequest("the body of the request broke off")));
  });
}

function bodyTooLarge(): ApiError {
  const message = `Request entity too large: limit is ${MAX_BODY_BYTES}`;
  return new ApiError({ message, reason: "RequestEntityTooLarge", code: 413 });
}
