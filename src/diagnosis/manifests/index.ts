/**
 * Judges manifests before they are applied: what of them is served, heard or allowed over one family of a cluster alone.
 * Pure; nothing is looked up but what the manifests say, and what programs are known to do.
 */
import type { JsonObject } from "../../envoy/proto/index.ts";
import type { Family } from "../../ip/family.ts";
import { judgeListeners } from "../envoy/index.ts";
import { envoysIn } from "../envoy/sources.ts";
import { judgeCluster } from "./clusters.ts";
import { asObject, type Path, type Remark } from "./model.ts";
import { judgePods } from "./pods.ts";
import { judgePolicies } from "./policies.ts";
import { judgeService } from "./services.ts";
import { judgeTexts } from "./texts.ts";

export { judgeBalancer } from "./services.ts";
export { CODES } from "./codes.ts";
export { type Code, fieldOf, type Path, type Remark } from "./model.ts";

/** Judges one object in a cluster of these families, primary first. Never throws, whatever the object is. */
export function judgeManifest(
  given: unknown,
  families: readonly [Family] | readonly [Family, Family],
): Remark[] {
  const object = asObject(given);
  const kind = object["kind"];
  return [
    ...(kind === "Service" && object["apiVersion"] === "v1" ? judgeService(object, families) : []),
    ...(kind === "ConfigMap" || kind === "Secret"
      ? judgeTexts(object, families)
      : judgePods(object, families)),
    ...judgePolicies(object, families),
    ...judgeCluster(object, families),
    ...judgeEnvoys(object, families),
  ];
}

function judgeEnvoys(object: Readonly<Record<string, unknown>>, families: readonly Family[]): Remark[] {
  if (object["kind"] !== "ConfigMap") return remarksOf(object, ["spec"], families);
  return Object.entries(asObject(object["data"])).flatMap(([key, value]) =>
    remarksOf({ ...object, data: { [key]: value } }, ["data", key], families),
  );
}

function remarksOf(object: object, path: Path, families: readonly Family[]): Remark[] {
  return envoysIn(object as JsonObject).flatMap(({ dump }) =>
    judgeListeners(dump, families).map(({ object: listener, message, next }): Remark => {
      return { code: "envoy-one-family", level: "warning", path, message: `${listener}: ${message}`, next };
    }),
  );
}
