import type { GrantFrom, GrantTo, LookupKey, RecordingReferences, References } from "./types.ts";

/** Wraps lookups so that they remember what was asked for, found or not, and answers for ReferenceGrants. */
export function recordingReferences(source: References): RecordingReferences {
  const lookups = new Set<LookupKey>();
  const noted = <T>(kind: string, key: string, value: T): T => {
    lookups.add(`${kind}/${key}`);
    return value;
  };
  const grantsIn = (namespace: string) => noted("ReferenceGrant", namespace, source.grantsIn(namespace));
  return {
    lookups,
    ...(source.families && { families: source.families }),
    service: (key) => noted("Service", key, source.service(key)),
    secret: (key) => noted("Secret", key, source.secret(key)),
    configMap: (key) => noted("ConfigMap", key, source.configMap(key)),
    backend: (key) => noted("Backend", key, source.backend(key)),
    backendTlsPoliciesFor: (key) => noted("BackendTLSPolicy", key, source.backendTlsPoliciesFor(key)),
    grantsIn,
    granted: (from, to) => from.namespace === to.namespace || isGranted(grantsIn(to.namespace), from, to),
  };
}

function isGranted(grants: ReturnType<References["grantsIn"]>, from: GrantFrom, to: GrantTo): boolean {
  return grants.some(
    ({ spec }) =>
      spec.from.some(
        ({ group, kind, namespace }) =>
          group === from.group && kind === from.kind && namespace === from.namespace,
      ) &&
      spec.to.some(
        ({ group, kind, name }) =>
          group === to.group && kind === to.kind && (name === undefined || name === "" || name === to.name),
      ),
  );
}
