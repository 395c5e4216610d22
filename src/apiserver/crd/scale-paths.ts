import { type ScalePaths, valuesAt } from "../../objects/crd/index.ts";
import { apiVersionOf, type Kind } from "../../objects/kinds.ts";
import type { AnyObject } from "../../objects/types.ts";

/** Where a custom resource keeps its replicas, as field management names the path. */
export function scaledKindOf(kind: Kind): {
  readonly apiVersion: string;
  readonly replicas?: readonly string[];
} {
  const apiVersion = apiVersionOf(kind);
  const { scale } = kind.custom ?? {};
  return scale === undefined
    ? { apiVersion }
    : { apiVersion, replicas: partsOf(scale.specReplicasPath).map((part) => `f:${part}`) };
}

/** What a Scale shows of a custom resource. */
export function customScale(
  object: AnyObject,
  paths: ScalePaths,
): { spec: number; status: number; selector: string } {
  const number = (path: string): number => {
    const [found] = valuesAt(object, path);
    return typeof found === "number" ? found : 0;
  };
  const [selector] = paths.labelSelectorPath ? valuesAt(object, paths.labelSelectorPath) : [];
  return {
    spec: number(paths.specReplicasPath),
    status: number(paths.statusReplicasPath),
    selector: typeof selector === "string" ? selector : "",
  };
}

/** Sets the number of replicas, with the objects that lead to it. */
export function setReplicas(object: AnyObject, path: string, replicas: number): void {
  const parts = partsOf(path);
  const last = parts.pop()!;
  let place = object as Record<string, unknown>;
  for (const part of parts) {
    if (typeof place[part] !== "object" || place[part] === null) place[part] = {};
    place = place[part] as Record<string, unknown>;
  }
  place[last] = replicas;
}

function partsOf(path: string): string[] {
  return path.split(".").slice(1);
}
