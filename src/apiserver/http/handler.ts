import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { ApiContext } from "../context.ts";
import { dispatch } from "../dispatch.ts";
import { type Answer, type Call, STREAMED } from "./call.ts";
import { errorReply, send } from "./replies.ts";

/** Answers every request: reads it, lets the API answer, and turns failures into Status objects. */
export function requestHandler(context: ApiContext, isReady: () => boolean): RequestListener {
  return (request, response) => {
    // a client that goes away is no error of ours
    response.on("error", () => response.destroy());
    request.on("error", () => {});
    void serve(context, isReady, request, response);
  };
}

async function serve(
  context: ApiContext,
  isReady: () => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = request.method ?? "GET";
  let answer: Answer;
  try {
    answer = await dispatch(callOf(request, response, context), context, isReady);
  } catch (error) {
    answer = errorReply(error, context.log);
  }
  if (answer === STREAMED) return;
  send(response, answer, method);
  // a body that nobody read would stand in the way of the connection's next request
  if (!request.complete) endUnread(request);
}

/** How long a client may go on sending what nobody wants, so that it can read its answer. */
const DRAIN_MS = 5000;

function endUnread(request: IncomingMessage): void {
  request.resume();
  const timer = setTimeout(() => request.destroy(), DRAIN_MS);
  request.once("close", () => clearTimeout(timer));
}

function callOf(request: IncomingMessage, response: ServerResponse, { access }: ApiContext): Call {
  const url = request.url ?? "/";
  const mark = url.indexOf("?");
  return {
    method: request.method ?? "GET",
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)),
    request,
    response,
    user: access.identify(request),
  };
}
