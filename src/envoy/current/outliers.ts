/** Which endpoints Envoy's outlier detection has taken out: its admin interface's `/clusters?format=json`. Pure. */
import { joinHostPort } from "../../ip/address.ts";
import { isJsonObject, type JsonValue } from "../proto/index.ts";
import { type EnvoyDump, objectOr, objectsIn } from "./dump.ts";

/**
 * The dump with the state of each endpoint (envoy.admin.v3.Clusters); as it was where the text is no such answer, as
 * that is only an addition.
 */
export function withOutliers(dump: EnvoyDump, text: string): EnvoyDump {
  const statuses = new Map(
    objectsIn(read(text)["cluster_statuses"]).map((status) => {
      const out = objectsIn(status["host_statuses"]).filter(
        (host) => objectOr(host["health_status"])["failed_outlier_check"] === true,
      );
      return [
        String(status["name"]),
        new Set(out.map(({ address }) => hostPort(objectOr(address)))),
      ] as const;
    }),
  );
  const endpoints = dump.endpoints.map((dumped) => {
    const ejected = statuses.get(dumped.name);
    return ejected === undefined ? dumped : { ...dumped, ejected };
  });
  return { ...dump, endpoints };
}

function hostPort(address: Record<string, unknown>): string {
  const socket = objectOr(address["socket_address"] as JsonValue);
  return joinHostPort(String(socket["address"]), Number(socket["port_value"] ?? 0));
}

function read(text: string) {
  try {
    const json = JSON.parse(text) as JsonValue;
    return isJsonObject(json) ? json : {};
  } catch {
    return {};
  }
}
