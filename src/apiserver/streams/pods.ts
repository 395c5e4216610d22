import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { joinHostPort } from "../../ip/address.ts";
import { ApiError, badRequest, internalError } from "../../objects/status.ts";
import { type Answer, type Call, STREAMED } from "../http/call.ts";
import { textReply } from "../http/replies.ts";
import type { Target } from "../rest/target.ts";
import { type KubeletTarget, kubeletTarget } from "./kubelet.ts";

/**
 * A pod's log, passed on from its kubelet. Exec, attach and port-forward come as upgrades (see upgrade.ts); one that
 * arrives here asked for none.
 */
export function serveStream(call: Call, target: Target): Answer | Promise<Answer> {
  const { namespace, name, subresource, context } = target;
  const place = { namespace: namespace!, name: name!, subresource: subresource! };
  const kubelet = kubeletTarget(context.store, place, call.query);
  if (subresource !== "log") throw badRequest("Upgrade request required");
  if (kubelet === undefined) return textReply("");
  return passLog(call, target, kubelet);
}

/** Requests the log and pipes it; a slow reader slows the kubelet down. */
function passLog(call: Call, target: Target, kubelet: KubeletTarget): Promise<Answer> {
  const { response } = call;
  const { context } = target;
  return new Promise((resolve, reject) => {
    const upstream = httpsRequest({
      ...kubelet,
      method: "GET",
      ...kubeletTls(context.kubeletClient),
      signal: context.closing,
    });
    upstream.once("error", (error) => {
      if (response.headersSent) response.destroy();
      else reject(kubeletUnreachable(kubelet, error));
    });
    upstream.once("response", (answer) => {
      if (answer.statusCode !== 200) {
        refusalOf(answer, target).then(reject, reject);
        return;
      }
      const type = answer.headers["content-type"] ?? "text/plain";
      response.writeHead(200, {
        "content-type": type,
        "cache-control": "no-cache, private",
      });
      response.flushHeaders();
      answer.once("error", () => response.destroy());
      answer.pipe(response);
      resolve(STREAMED);
    });
    response.once("close", () => upstream.destroy());
    upstream.end();
  });
}

const MAX_REFUSAL_BYTES = 16 * 1024;

/** What the kubelet refuses becomes a Status (registry/generic/rest/response_checker.go). */
async function refusalOf(answer: IncomingMessage, { name = "" }: Target): Promise<ApiError> {
  let text = "";
  for await (const chunk of answer) if (text.length < MAX_REFUSAL_BYTES) text += String(chunk);
  const code = answer.statusCode ?? 500;
  if (code === 400) return badRequest(text);
  if (code === 500) return internalError(text);
  const message = `the server could not handle the request for the log of pod ${name}: ${text}`;
  return new ApiError({ message, code, reason: code === 404 ? "NotFound" : "InternalError" });
}

/**
 * How this server shows itself to kubelets. Their own certificates are not checked, as by the real server without
 * --kubelet-certificate-authority: a kubelet may have signed its own.
 */
export function kubeletTls({ cert, key }: { cert: string; key: string }): object {
  return { cert, key, rejectUnauthorized: false, agent: false };
}

/** 502: the kubelet did not answer (the real server's text when it cannot dial one for a log). */
function kubeletUnreachable({ host, port, path }: KubeletTarget, error: Error): ApiError {
  const message = `Get "https://${joinHostPort(host, port)}${path}": ${error.message}`;
  return new ApiError({ message, code: 502, reason: "BadGateway" });
}
