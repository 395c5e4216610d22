import { ApiError } from "../../objects/status.ts";

/** Whether an error says that its namespace is being deleted: creating goes on failing, and need not be tried again. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return (error.status.details?.causes ?? []).some(({ reason }) => reason === "NamespaceTerminating");
}
