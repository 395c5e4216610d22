import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { authenticate, type TokenUsers } from "../auth/authenticate.ts";
import type { ApiContext } from "../context.ts";
import { dispatch } from "../dispatch.ts";
import { type Answer, type Call, STREAMED } from "./call.ts";
import { errorReply, send } from "./replies.ts";

/** Answers every request: reads it, lets the API answer, and turns failures into Status objects. */
export function requestHandler(
  context: ApiContext,
  tokens: TokenUsers,
  isReady: () => boolean,
): RequestListener {
  return (request, response) => {
    // a client that goes away is no error of ours
    response.on("error", () => response.destroy());
    request.on("error", () => {});
    void serve(context, tokens, isReady, request, response);
  };
}

async function serve(
  context: ApiContext,
  tokens: TokenUsers,
  isReady: () => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = request.method ?? "GET";
  let answer: Answer;
  try {
    answer = await dispatch(callOf(request, response, tokens), context, isReady);
  } catch (error) {
    answer = errorReply(error, context.log);
  }
  if (answer === STREAMED) return;
  send(response, answer, method);
  // a body that nobody read would stand in the way of the connection's next request
  if (!request.complete) endUnread(request, response);
}

function endUnread(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.once("finish", () => {
    if (!request.complete) request.destroy();
  });
}

function callOf(request: IncomingMessage, response: ServerResponse, tokens: TokenUsers): Call {
  const url = request.url ?? "/";
  const mark = url.indexOf("?");
  return {
    method: request.method ?? "GET",
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)),
    request,
    response,
    user: authenticate(request, tokens),
  };
}
