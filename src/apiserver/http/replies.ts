import type { ServerResponse } from "node:http";
import { ApiError, internalError } from "../../objects/status.ts";
import type { Status } from "../../objects/types.ts";
import { RevisionCompacted } from "../../store/contract.ts";
import { WriteFailed } from "../../store/lmdb.ts";
import type { Reply } from "./call.ts";

/** The media type of answers in JSON. */
export const JSON_TYPE = "application/json";

/** A JSON answer. */
export function jsonReply(body: unknown, status = 200): Reply {
  return { status, body: JSON.stringify(body), contentType: JSON_TYPE };
}

/** A plain text answer. */
export function textReply(body: string, status = 200): Reply {
  return { status, body, contentType: "text/plain; charset=utf-8" };
}

/** 404 for a path that is none of the API's, as Go's mux words it. */
export function pageNotFound(): Reply {
  return textReply("404 page not found\n", 404);
}

/** 404 for a resource or subresource that is not served. */
export function resourceNotServed(): ApiError {
  const message = "the server could not find the requested resource";
  return new ApiError({ message, reason: "NotFound", details: {} as never, code: 404 });
}

/** 405 for a verb that the resource does not know. */
export function methodNotAllowed(): ApiError {
  const message = "the server does not allow this method on the requested resource";
  return new ApiError({ message, reason: "MethodNotAllowed", details: {} as never, code: 405 });
}

/** The Status of whatever went wrong. Failures that are not the client's go to the log. */
export function statusOf(error: unknown, log: (text: string) => void): Status {
  if (error instanceof ApiError) return error.status;
  if (error instanceof RevisionCompacted) {
    const message = `The resourceVersion for the provided watch is too old.`;
    return new ApiError({ message, reason: "Expired", code: 410 }).status;
  }
  if (error instanceof WriteFailed) {
    log(error.message);
    return new ApiError({ message: error.message, reason: "ServiceUnavailable", code: 503 }).status;
  }
  if (error instanceof URIError) {
    return new ApiError({
      message: "the path is not valid percent-encoding",
      reason: "BadRequest",
      code: 400,
    }).status;
  }
  log(`a request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return internalError(error instanceof Error ? error.message : String(error)).status;
}

/** The answer of whatever went wrong. */
export function errorReply(error: unknown, log: (text: string) => void): Reply {
  const status = statusOf(error, log);
  const warnings = error instanceof ApiError ? error.warnings : undefined;
  return { ...jsonReply(status, status.code ?? 500), ...(warnings === undefined ? {} : { warnings }) };
}

/** Sends an answer; HEAD gets its headers only. */
export function send(response: ServerResponse, reply: Reply, method: string): void {
  if (response.destroyed || response.headersSent) return;
  const body = typeof reply.body === "string" ? Buffer.from(reply.body) : reply.body;
  const headers: Record<string, string | string[]> = {
    ...reply.headers,
    "content-type": reply.contentType,
    "content-length": String(body.length),
    "cache-control": "no-cache, private",
  };
  if (reply.warnings !== undefined && reply.warnings.length > 0)
    headers["warning"] = reply.warnings.map(warningHeader);
  response.writeHead(reply.status, headers);
  response.end(method === "HEAD" ? undefined : body);
}

/** `299 - "text"`: the form that client-go reads; characters that a header cannot carry are left out. */
function warningHeader(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is left out
  const clean = text.replace(/[\u0000-\u001f\u007f]/g, " ").replace(/["\\]/g, "\\$&");
  return `299 - "${Buffer.from(clean).toString("latin1")}"`;
}
