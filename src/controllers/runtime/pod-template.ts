import type { Kind } from "../../objects/kinds.ts";
import type { KubeObject, Pod, PodTemplateSpec } from "../../objects/types.ts";
import { canonicalJson } from "./equal.ts";
import { controllerReference } from "./owners.ts";

/** A new pod from its owner's template (pkg/controller GetPodFromTemplate); the server names it. */
export function podFromTemplate(
  kind: Kind,
  owner: KubeObject,
  template: PodTemplateSpec,
): Omit<Pod, "apiVersion" | "kind"> {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const { name, namespace } = owner.metadata;
  const metadata = {
    generateName: `${name}-`,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ownerReferences: [controllerReference(kind, owner)],
  };
  return { metadata: metadata as unknown as Pod["metadata"], spec: structuredClone(template.spec) };
}

/** The characters of Kubernetes' generated names: no vowels, so that no words come out (util/rand). */
const SAFE = "bcdfghjklmnpqrstvwxz2456789";

/**
 * A short name for a template: 32 bits of FNV-1a in the safe alphabet, as pod-template-hash is. The real
 * controllers hash Go's memory layout, so that only the form is the same, not the value.
 * @param collisions how often the hash met another template's before
 */
export function templateHash(template: PodTemplateSpec, collisions = 0): string {
  const text = canonicalJson(template) + (collisions > 0 ? String(collisions) : "");
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return [...String(hash)].map((digit) => SAFE[digit.charCodeAt(0) % SAFE.length]).join("");
}

/** A number of pods: an absolute one, or a percentage of a total, rounded up or down. */
export function resolveCount(value: number | string | undefined, total: number, roundUp: boolean): number {
  if (value === undefined) return 0;
  const percent = /^(\d+)%$/.exec(String(value));
  if (percent === null) return Number(value);
  const exact = (Number(percent[1]) * total) / 100;
  return roundUp ? Math.ceil(exact) : Math.floor(exact);
}
