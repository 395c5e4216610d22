import { KINDS } from "../../objects/kinds.ts";
import type { ControllerRevision, StatefulSet } from "../../objects/statefulset/types.ts";
import type { Pod } from "../../objects/types.ts";
import { hasLabels } from "../runtime/labels.ts";
import { podFromTemplate } from "../runtime/pod-template.ts";
import { templateOf } from "./revisions.ts";

// Who is who among the pods of a StatefulSet (pkg/controller/statefulset/stateful_set_utils.go).

const REVISION_LABEL = "controller-revision-hash";
const NAME_LABEL = "statefulset.kubernetes.io/pod-name";
const INDEX_LABEL = "apps.kubernetes.io/pod-index";

/** The number at the end of a pod's name; undefined where it is no name of this set's pods. */
export function ordinalOf(set: StatefulSet, { metadata }: Pod): number | undefined {
  const match = /^(.*)-([0-9]+)$/.exec(metadata.name);
  return match?.[1] === set.metadata.name ? Number(match[2]) : undefined;
}

/** The number of the first pod. */
export function firstOrdinal({ spec }: StatefulSet): number {
  return spec.ordinals?.start ?? 0;
}

/** The name of the revision that a pod was made from. */
export function revisionOf({ metadata }: Pod): string {
  return metadata.labels?.[REVISION_LABEL] ?? "";
}

/** The labels that tell a pod by its name and number. */
function identityLabels(name: string, ordinal: number): Record<string, string> {
  return { [NAME_LABEL]: name, [INDEX_LABEL]: String(ordinal) };
}

/** The merge patch of a pod that lacks labels of its identity, as an adopted one does; undefined where it has them. */
export function identityPatch(pod: Pod, ordinal: number): unknown {
  const labels = identityLabels(pod.metadata.name, ordinal);
  if (hasLabels(pod.metadata.labels, labels)) return undefined;
  return { metadata: { uid: pod.metadata.uid, labels } };
}

/** The pod of a number, which is found in DNS under its own name in the set's Service. */
export function podOf(
  set: StatefulSet,
  ordinal: number,
  revision: ControllerRevision,
): Omit<Pod, "apiVersion" | "kind"> {
  const { metadata, spec } = podFromTemplate(KINDS.StatefulSet, set, templateOf(revision));
  const name = `${set.metadata.name}-${ordinal}`;
  const revisionLabel = { [REVISION_LABEL]: revision.metadata.name };
  const labels = { ...metadata.labels, ...identityLabels(name, ordinal), ...revisionLabel };
  const subdomain = set.spec.serviceName ?? "";
  return {
    metadata: { ...metadata, name, labels },
    spec: { ...spec, hostname: name, ...(subdomain === "" ? {} : { subdomain }) },
  };
}

/** The names of the claims that the pod of a number would have. */
export function claimNames({ metadata, spec }: StatefulSet, podName: string): string[] {
  const ordinal = podName.slice(metadata.name.length + 1);
  return (spec.volumeClaimTemplates ?? []).map(
    (claim) => `${claim.metadata.name}-${metadata.name}-${ordinal}`,
  );
}
