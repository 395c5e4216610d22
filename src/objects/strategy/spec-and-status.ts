import { sameJson } from "../patch/json-value.ts";
import type { KubeObject } from "../types.ts";
import { bumpGeneration } from "./core.ts";
import type { KindRules } from "./rules.ts";

/**
 * How objects are written whose spec is users' and whose status is a controller's, each by a path of its own: a new one
 * begins with the status `initial` makes, and a changed spec raises the generation. Source: the strategies of
 * kube-apiserver's pkg/registry that do no more than this.
 */
export function specAndStatus<T extends KubeObject & { spec: unknown; status?: object }>(
  initial: () => NonNullable<T["status"]>,
): Required<Pick<KindRules<T>, "prepareForCreate" | "prepareForUpdate" | "prepareForStatus">> {
  return {
    prepareForCreate(object) {
      object.status = initial();
      object.metadata.generation = 1;
    },
    prepareForUpdate(next, stored) {
      next.status = stored.status ?? initial();
      bumpGeneration(next, stored, !sameJson(next.spec, stored.spec));
    },
    prepareForStatus(next, stored) {
      next.spec = stored.spec;
    },
  };
}
