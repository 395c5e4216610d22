import { causeOf, type FieldError } from "./field-errors.ts";
import type { Status } from "./types.ts";

/** An error that the API answers with: a Status and its HTTP code (apimachinery api/errors/errors.go). */
export class ApiError extends Error {
  readonly status: Status;
  /** Texts for Warning headers that go with the answer. */
  warnings?: readonly string[];

  constructor(status: Omit<Status, "kind" | "apiVersion" | "metadata" | "status">) {
    super(status.message ?? status.reason ?? "error");
    this.name = "ApiError";
    this.status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", ...status };
  }

  /** The HTTP status code. */
  get code(): number {
    return this.status.code ?? 500;
  }
}

/** What a Status names: a resource (`services`) or a kind (`Service`) of a group. */
export interface Subject {
  readonly group: string;
  readonly kind: string;
}

/** `services`, or `deployments.apps`: how messages name a resource. */
function qualified(subject: Subject): string {
  return subject.group === "" ? subject.kind : `${subject.kind}.${subject.group}`;
}

function detailsOf(subject: Subject, name: string): { name?: string; group?: string; kind?: string } {
  return {
    ...(name === "" ? {} : { name }),
    ...(subject.group === "" ? {} : { group: subject.group }),
    ...(subject.kind === "" ? {} : { kind: subject.kind }),
  };
}

/** 404: the object does not exist. `subject.kind` is the plural resource. */
export function notFound(subject: Subject, name: string): ApiError {
  return new ApiError({
    message: `${qualified(subject)} "${name}" not found`,
    reason: "NotFound",
    details: detailsOf(subject, name),
    code: 404,
  });
}

/** 409: an object of this name exists. `subject.kind` is the plural resource. */
export function alreadyExists(subject: Subject, name: string): ApiError {
  return new ApiError({
    message: `${qualified(subject)} "${name}" already exists`,
    reason: "AlreadyExists",
    details: detailsOf(subject, name),
    code: 409,
  });
}

/** 409: the object changed since it was read, or another reason not to write now. */
export function conflict(subject: Subject, name: string, why: string): ApiError {
  return new ApiError({
    message: `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${why}`,
    reason: "Conflict",
    details: detailsOf(subject, name),
    code: 409,
  });
}

/** The text of a conflict of versions. */
export const OBJECT_MODIFIED =
  "the object has been modified; please apply your changes to the latest version and try again";

/** 422: fields of the object are wrong. `subject.kind` is the kind (`Service`). */
export function invalidObject(subject: Subject, name: string, errors: readonly FieldError[]): ApiError {
  const texts = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const summary = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  return new ApiError({
    message: `${qualified(subject)} "${name}" is invalid${texts.length > 0 ? `: ${summary}` : ""}`,
    reason: "Invalid",
    details: { ...detailsOf(subject, name), causes: errors.map(causeOf) },
    code: 422,
  });
}

/** 400: the request makes no sense. */
export function badRequest(message: string): ApiError {
  return new ApiError({ message, reason: "BadRequest", code: 400 });
}

/** 500: something of ours failed. */
export function internalError(message: string): ApiError {
  return new ApiError({
    message: `Internal error occurred: ${message}`,
    reason: "InternalError",
    details: { causes: [{ message }] },
    code: 500,
  });
}

/** 403: not allowed. */
export function forbiddenRequest(subject: Subject, name: string, why: string): ApiError {
  return new ApiError({
    message: `${qualified(subject)}${name === "" ? "" : ` "${name}"`} is forbidden: ${why}`,
    reason: "Forbidden",
    details: detailsOf(subject, name),
    code: 403,
  });
}

/** 410: the version asked for is older than the history kept. */
export function expired(message: string): ApiError {
  return new ApiError({ message, reason: "Expired", code: 410 });
}
