import { ApiError, badRequest, internalError } from "../../objects/status.ts";
import type { Status } from "../../objects/types.ts";

/** A webhook said no (apiserver pkg/admission/plugin/webhook/errors ToStatusErr). */
export function denied(webhook: string, said: Partial<Status> | undefined): ApiError {
  const by = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const { message = "", reason = "", code = 0, details } = said ?? {};
  return new ApiError({
    message:
      message !== "" ? `${by}: ${message}` : reason !== "" ? `${by}: ${reason}` : `${by} without explanation`,
    ...(reason === "" ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code: Math.max(code, 400),
  });
}

/** A webhook could not be asked, or its answer was none, and its policy is Fail. */
export function callFailed(webhook: string, why: string): ApiError {
  return internalError(`failed calling webhook ${JSON.stringify(webhook)}: failed to call webhook: ${why}`);
}

/** A request that is only tried, and a webhook that does things beside its answer. */
export function dryRunUnsupported(webhook: string): ApiError {
  return badRequest(`admission webhook ${JSON.stringify(webhook)} does not support dry run`);
}

/** A patch that does not fit. */
export function badPatch(webhook: string, why: string): ApiError {
  return internalError(
    `admission webhook ${JSON.stringify(webhook)} attempted a change that cannot be made: ${why}`,
  );
}
