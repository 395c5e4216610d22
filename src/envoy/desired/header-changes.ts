/** Changes of headers. Values of Envoy's are formats: what is meant literally has its `%` doubled. */
import type { HeaderChanges } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";

/**
 * The fields `request_headers_to_add`, `…_remove` and the same for responses, of a route or of a share of it. Pseudo
 * headers and `host` are left out: Envoy refuses the whole table over them.
 */
export function headerChanges(of: {
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
}): JsonObject {
  return {
    request_headers_to_add: added(of.requestHeaders),
    request_headers_to_remove: removed(of.requestHeaders),
    response_headers_to_add: added(of.responseHeaders),
    response_headers_to_remove: removed(of.responseHeaders),
  };
}

/** Whether a share changes headers, and so has to be one of a weighted list. */
export function changesHeaders(of: {
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
}): boolean {
  return of.requestHeaders !== undefined || of.responseHeaders !== undefined;
}

function added(changes: HeaderChanges | undefined): JsonObject[] | undefined {
  if (changes === undefined) return undefined;
  const options = [
    ...(changes.set ?? []).filter(isChangeable).map((header) => option(header, "OVERWRITE_IF_EXISTS_OR_ADD")),
    ...(changes.add ?? []).filter(isChangeable).map((header) => option(header, "APPEND_IF_EXISTS_OR_ADD")),
  ];
  return options.length === 0 ? undefined : options;
}

function option({ name, value }: { name: string; value: string }, action: string): JsonObject {
  return {
    header: { key: name, value: value.replaceAll("%", "%%") },
    append_action: action,
    ...(value === "" && { keep_empty_value: true }),
  };
}

function removed(changes: HeaderChanges | undefined): readonly string[] | undefined {
  const names = changes?.remove?.filter((name) => isChangeable({ name }));
  return names?.length ? names : undefined;
}

function isChangeable({ name }: { name: string }): boolean {
  return !name.startsWith(":") && name.toLowerCase() !== "host";
}
