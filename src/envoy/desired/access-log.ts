/** Access logs, to the standard output of the proxy. */
import type { AccessLog } from "../../traffic/gateway/policy-model.ts";
import type { JsonObject } from "../proto/index.ts";
import { extension } from "./names.ts";

/** The list `access_log` of a filter; undefined: none. */
export function accessLogs(log: AccessLog | undefined): readonly JsonObject[] | undefined {
  if (log === undefined) return undefined;
  const { format } = log;
  const lines =
    "text" in format
      ? {
          text_format_source: {
            inline_string: format.text.endsWith("\n") ? format.text : `${format.text}\n`,
          },
        }
      : { json_format: { ...format.json } };
  return [
    extension("envoy.access_loggers.stdout", "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", {
      log_format: lines,
    }),
  ];
}
