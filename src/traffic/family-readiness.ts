/**
 * Readiness per family: Kubernetes knows one `Ready` for a pod, whichever of its addresses answers. Whoever probes each
 * address (the lab's kubelet does) says what it found in conditions of the pod; here they come to count, where asked.
 */
import { FAMILIES, type Family, mapFamilies } from "../ip/family.ts";
import { askedFamilyReadiness, type FamilyReadiness } from "../objects/service/family-readiness.ts";
import type { Condition, Pod, Service } from "../objects/types.ts";
import type { Backend, Frontend } from "./model.ts";

export { FAMILY_READINESS_ANNOTATION, type FamilyReadiness } from "../objects/service/family-readiness.ts";

/** The type of the pod condition of a family: `tandem.dev/IPv6Ready`. */
export function familyReadyType(family: Family): string {
  return `tandem.dev/${family}Ready`;
}

/** The families over which a pod is known not to answer, with why; a pod without conditions has none. */
export type SilentFamilies = { readonly [F in Family]?: Condition };

/** Reads the conditions of a pod; undefined when it answers over every family, as far as anybody has looked. */
export function silentFamiliesOf(pod: Pod): SilentFamilies | undefined {
  const found: { IPv4?: Condition; IPv6?: Condition } = {};
  for (const family of FAMILIES) {
    const type = familyReadyType(family);
    const condition = pod.status?.conditions?.find((item) => item.type === type);
    if (condition?.status === "False") found[family] = condition;
  }
  return found.IPv4 || found.IPv6 ? found : undefined;
}

/**
 * Whether a Service asks for it: the annotation decides, then the default. Services that publish addresses that are
 * not ready want those too.
 */
export function enforcesFamilyReadiness(service: Service, byDefault: FamilyReadiness): boolean {
  if (service.spec.publishNotReadyAddresses) return false;
  return (askedFamilyReadiness(service) ?? byDefault) === "enforce";
}

/**
 * A frontend whose backends are unready over the families that their pods are silent over. Pure; without such a pod it
 * is the frontend itself.
 *
 * @param silentOf what is known of a pod, by `namespace/name`
 */
export function withFamilyReadiness(
  frontend: Frontend,
  silentOf: (pod: string) => SilentFamilies | undefined,
): Frontend {
  const changed = new Map<Backend, Backend>();
  const judge = (backend: Backend): Backend => {
    const known = changed.get(backend);
    if (known !== undefined) return known;
    const silent = backend.pod && silentOf(`${backend.pod.namespace}/${backend.pod.name}`);
    if (silent === undefined) return backend;
    const result = { ...backend, conditions: mapFamilies(backend.conditions, silence(silent)) };
    changed.set(backend, result);
    return result;
  };
  const backends = frontend.backends.map(judge);
  const ports = frontend.ports.map((port) => ({
    ...port,
    backends: port.backends.map((item) => ({ ...item, backend: judge(item.backend) })),
  }));
  return changed.size === 0 ? frontend : { ...frontend, backends, ports };
}

/** Not even as a last resort: nothing listens there. */
function silence(silent: SilentFamilies) {
  return (conditions: Backend["conditions"]["IPv4"] & {}, family: Family) =>
    silent[family] === undefined ? conditions : { ...conditions, ready: false, serving: false };
}
