import { type FieldError, forbidden, invalid, required, tooLong } from "../field-errors.ts";

/** The longest name of a manager, in bytes. */
const MAX_MANAGER = 128;

/** Letters, marks, numbers, punctuation, symbols and the plain space: what Go's unicode.IsPrint takes. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/**
 * The name under which a write that is no apply is recorded: the parameter `fieldManager`, otherwise what the
 * User-Agent has before its first `/` (apiserver handlers/create.go, managerOrUserAgent).
 */
export function managerOf(fieldManager: string | null | undefined, userAgent: string | undefined): string {
  if (fieldManager !== null && fieldManager !== undefined && fieldManager !== "") return fieldManager;
  let result = "";
  let size = 0;
  for (const char of (userAgent ?? "").split("/")[0] ?? "") {
    if (!PRINTABLE.test(char)) continue;
    size += Buffer.byteLength(char);
    if (size > MAX_MANAGER) break;
    result += char;
  }
  return result;
}

/**
 * What is wrong with the parameters `fieldManager` and `force`: errors of CreateOptions, UpdateOptions or
 * PatchOptions (apimachinery meta/v1/validation). `write` is `apply` for a server-side apply, `patch` for
 * other patches.
 */
export function checkManagerOptions(
  write: "apply" | "patch" | "other",
  options: { readonly fieldManager: string; readonly force: boolean | undefined },
): FieldError[] {
  const { fieldManager, force } = options;
  const errors: FieldError[] = [];
  if (write === "apply" && fieldManager === "") {
    errors.push(required("fieldManager", "is required for apply patch"));
  }
  if (write === "patch" && force !== undefined) {
    errors.push(forbidden("force", "may not be specified for non-apply patch"));
  }
  if (Buffer.byteLength(fieldManager) > MAX_MANAGER) errors.push(tooLong("fieldManager", MAX_MANAGER));
  let position = 0;
  for (const char of fieldManager) {
    if (!PRINTABLE.test(char)) {
      const code = char.codePointAt(0) ?? 0;
      const text = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
      errors.push(
        invalid("fieldManager", fieldManager, `invalid character ${text} (at position ${position})`),
      );
    }
    position += Buffer.byteLength(char);
  }
  return errors;
}
