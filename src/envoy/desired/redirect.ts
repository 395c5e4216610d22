/** Redirects. */
import type { Redirect } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";
import { pathRewrite } from "./paths.ts";

const CODES = {
  301: "MOVED_PERMANENTLY",
  302: "FOUND",
  303: "SEE_OTHER",
  307: "TEMPORARY_REDIRECT",
  308: "PERMANENT_REDIRECT",
} as const;

/**
 * A redirect as Envoy's RedirectAction. The port is the model's; without one Envoy writes none, but for that of the
 * client's `Host` where the name stays the client's.
 */
export function redirectAction({ scheme, hostname, port, path, status }: Redirect): JsonObject {
  return {
    ...(scheme !== undefined && { scheme_redirect: scheme }),
    ...(hostname !== undefined && { host_redirect: hostname }),
    ...(port !== undefined && { port_redirect: port }),
    ...(path && pathRewrite(path, "redirect")),
    response_code: CODES[status],
  };
}
