/** Paths: prefixes of whole segments, and what replaces them (the table at HTTPPathModifier, Gateway API). */
import type { PathRewrite } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";

/** A prefix without slashes at its end; the root is the empty text. */
function bare(prefix: string): string {
  return prefix.replace(/\/+$/, "");
}

/** Matches a prefix of whole segments: `/shop` holds `/shop` and `/shop/cart`, not `/shopping`. */
export function prefixMatch(prefix: string): JsonObject {
  const segments = bare(prefix);
  if (segments === "") return { prefix: "/" };
  // Envoy takes separated prefixes of two characters or more that hold neither `?` nor `#`.
  return /^[^?#]+[^?#/]$/.test(segments)
    ? { path_separated_prefix: segments }
    : { safe_regex: { regex: `${escapeRegex(segments)}(/.*)?` } };
}

/** The fields that rewrite a path, of a route or of a redirect (both have them). */
export function pathRewrite(rewrite: PathRewrite, of: "route" | "redirect"): JsonObject {
  if (rewrite.kind === "full") {
    if (of === "redirect") return { path_redirect: rooted(rewrite.value) };
    return regexRewrite("^/.*$", rooted(rewrite.value));
  }
  const prefix = bare(rewrite.prefix);
  const value = bare(rewrite.value);
  // Cutting a prefix off has to leave one slash, whether the path had one there or not.
  if (value === "") return prefix === "" ? {} : regexRewrite(`^${escapeRegex(prefix)}/*`, "/");
  if (prefix === "") return { prefix_rewrite: `${rooted(value)}/` };
  return { prefix_rewrite: rooted(value) };
}

function rooted(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

function regexRewrite(regex: string, substitution: string): JsonObject {
  return { regex_rewrite: { pattern: { regex }, substitution: substitution.replaceAll("\\", "\\\\") } };
}

/** Text that a regular expression (RE2) takes literally. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
