/** Redirects, with the port that the Gateway API wants in `Location`. */
import type { Redirect } from "../../traffic/gateway/model.ts";
import type { JsonObject } from "../proto/index.ts";
import { pathRewrite } from "./paths.ts";

/** The port that a table's requests come in by, and how: redirects without a port or scheme keep them. */
export interface EntryPoint {
  readonly port: number;
  readonly scheme: "http" | "https";
}

const CODES = {
  301: "MOVED_PERMANENTLY",
  302: "FOUND",
  303: "SEE_OTHER",
  307: "TEMPORARY_REDIRECT",
  308: "PERMANENT_REDIRECT",
} as const;

const WELL_KNOWN: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** A redirect as Envoy's RedirectAction. */
export function redirectAction(redirect: Redirect, entry: EntryPoint): JsonObject {
  const port = redirectPort(redirect, entry);
  return {
    ...(redirect.scheme !== undefined && { scheme_redirect: redirect.scheme }),
    ...(redirect.hostname !== undefined && { host_redirect: redirect.hostname }),
    ...(port !== undefined && { port_redirect: port }),
    ...(redirect.path && pathRewrite(redirect.path, "redirect")),
    response_code: CODES[redirect.status],
  };
}

/**
 * The port to write down; undefined: none, which means the scheme's own. Without a port asked for it is the scheme's
 * where a scheme is asked for, and else the listener's (HTTPRequestRedirectFilter.port). Where the name stays the
 * client's, its port stays with it unless another is written: so the scheme's own has to be written where clients of
 * this listener have one in their `Host`.
 */
function redirectPort(redirect: Redirect, entry: EntryPoint): number | undefined {
  const scheme = (redirect.scheme ?? entry.scheme).toLowerCase();
  const own = WELL_KNOWN[scheme];
  const wanted = redirect.port ?? (redirect.scheme === undefined ? entry.port : own);
  if (wanted !== own) return wanted;
  const hostHasPort = redirect.hostname === undefined && entry.port !== WELL_KNOWN[entry.scheme];
  return hostHasPort ? wanted : undefined;
}
