/** The SDK's many errors as one {@link AwsError}: AWS's code, and whether the same call may succeed later. */
import { AwsError } from "../api.ts";

/** What errors of the SDK carry beside name and message; each part may lack. */
interface SdkError {
  readonly name?: string;
  readonly message?: string;
  /** AWS's own code in answers of the Query protocol. */
  readonly Code?: string;
  /** Of Node: `ECONNRESET` and the like. */
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $retryable?: unknown;
}

/** Refused for the rate of calls, under the names that services and SDKs have for it. */
const TOO_FAST =
  /^(Throttling|Throttled|EC2Throttled|TooManyRequests|RequestThrottled|SlowDown|BandwidthLimitExceeded)$/;

const BUSY =
  /^(Throttling|RequestLimitExceeded|PriorRequestNotComplete|ServiceUnavailable|Unavailable|InternalFailure|InternalError|RequestTimeout)$/;

/** Errors of Node where no answer came, so that nobody knows whether the call was done. */
const SILENT =
  /^(ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ECONNABORTED)$/;

/** Turns whatever a request threw into an AwsError; `call` is AWS's name of the action. */
export function awsErrorOf(call: string, thrown: unknown): AwsError {
  if (thrown instanceof AwsError) return thrown;
  const error = (typeof thrown === "object" && thrown !== null ? thrown : {}) as SdkError;
  const message = error.message || String(thrown);
  if (error.name === "AbortError") return new AwsError(call, "Aborted", "given up", false);
  const status = error.$metadata?.httpStatusCode;
  const silent = error.name === "TimeoutError" || SILENT.test(error.code ?? "");
  if (silent) return new AwsError(call, "TimedOut", message, true);
  const named = (error.Code ?? error.name ?? "Unknown").replace(/(.)Exception$/, "$1");
  // an answer that is not AWS's (a proxy's page) has a status, but no code
  const foreign = named === "SyntaxError" || named === "Error";
  const code = foreign ? `Http${status ?? "Unknown"}` : TOO_FAST.test(named) ? "Throttling" : named;
  const retryable = BUSY.test(code) || (status !== undefined && status >= 500) || status === 429;
  return new AwsError(call, code, message, retryable);
}

/** A step of the SDK's clients that every call goes through, pages included. */
export function errorMiddleware<I, O>(
  next: (args: I) => Promise<O>,
  context: { readonly commandName?: string },
): (args: I) => Promise<O> {
  return async (args) => {
    try {
      return await next(args);
    } catch (error) {
      throw awsErrorOf((context.commandName ?? "AWS").replace(/Command$/, ""), error);
    }
  };
}
