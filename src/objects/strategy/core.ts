import {
  defaultEndpointSlice,
  defaultEndpoints,
  defaultNamespace,
  defaultNode,
  defaultSecret,
} from "../defaults/core.ts";
import { defaultPod } from "../defaults/pod.ts";
import { validateEvent } from "../events/validate.ts";
import { addressWarnings } from "../ip-text.ts";
import { labelName, subdomainName } from "../metadata/names.ts";
import { sameJson } from "../patch/json-value.ts";
import type {
  ConfigMap,
  EndpointSlice,
  Endpoints,
  KubeEvent,
  KubeObject,
  Lease,
  Namespace,
  Node,
  Pod,
  Secret,
} from "../types.ts";
import {
  validateConfigMap,
  validateConfigMapUpdate,
  validateLease,
  validateNamespace,
  validateNamespaceStatus,
  validateSecret,
  validateSecretUpdate,
} from "../validation/core.ts";
import {
  validateEndpointSlice,
  validateEndpointSliceUpdate,
  validateEndpoints,
} from "../validation/endpoints.ts";
import {
  keepAllButEphemeralContainers,
  refuseEphemeralContainers,
  validateEphemeralContainers,
} from "../validation/ephemeral-containers.ts";
import {
  nodeWarnings,
  validateNode,
  validateNodeStatusUpdate,
  validateNodeUpdate,
} from "../validation/node.ts";
import { validatePodSpec, validatePodStatus, validatePodUpdate } from "../validation/pod.ts";
import { qualityOfService } from "./quality-of-service.ts";
import type { KindRules } from "./rules.ts";

/** How kinds without rules of their own are written, such as ServiceAccounts. */
export const COMMON: KindRules<KubeObject> = {
  nameRule: subdomainName,
  createOnUpdate: false,
  unconditionalUpdate: true,
};

/** pkg/registry/core/namespace/strategy.go */
export const NAMESPACE: KindRules<Namespace> = {
  ...COMMON,
  nameRule: labelName,
  default: defaultNamespace,
  prepareForCreate(namespace) {
    const finalizers = namespace.spec?.finalizers ?? [];
    namespace.status = { phase: "Active" };
    if (!finalizers.includes("kubernetes")) namespace.spec = { finalizers: [...finalizers, "kubernetes"] };
    defaultNamespace(namespace);
  },
  prepareForUpdate(next, stored) {
    next.spec = stored.spec ?? {};
    next.status = stored.status ?? {};
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec ?? {};
  },
  validate: validateNamespace,
  validateStatus: validateNamespaceStatus,
};

/** pkg/registry/core/node/strategy.go; a new Node brings its status along. */
export const NODE: KindRules<Node> = {
  ...COMMON,
  default: defaultNode,
  prepareForUpdate(next, stored) {
    if (stored.status !== undefined) next.status = stored.status;
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
  },
  checksMetadataOnUpdate: true,
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  validateStatus: validateNodeStatusUpdate,
  warnings: nodeWarnings,
};

/** pkg/registry/core/pod/strategy.go */
export const POD: KindRules<Pod> = {
  ...COMMON,
  default: defaultPod,
  prepareForCreate(pod) {
    pod.metadata.generation = 1;
    pod.status = { phase: "Pending", qosClass: qualityOfService(pod.spec) };
  },
  prepareForUpdate(next, stored) {
    next.status = stored.status ?? {};
    bumpGeneration(next, stored, !sameJson(next.spec, stored.spec));
  },
  prepareForStatus(next, stored) {
    next.spec = stored.spec;
    // Old kubelets damage these.
    next.metadata.ownerReferences = stored.metadata.ownerReferences ?? [];
    if (next.metadata.ownerReferences.length === 0) delete next.metadata.ownerReferences;
    next.status ??= {};
    next.status.qosClass ??= stored.status?.qosClass ?? qualityOfService(next.spec);
  },
  prepareForPart(next, stored) {
    keepAllButEphemeralContainers(next, stored);
    bumpGeneration(next, stored, !sameJson(next.spec, stored.spec));
  },
  validatePart: validateEphemeralContainers,
  validate: (pod) => [...validatePodSpec("spec", pod.spec), ...refuseEphemeralContainers(pod)],
  validateUpdate: (next, stored) => [
    ...validatePodSpec("spec", next.spec),
    ...validatePodUpdate(next, stored),
  ],
  validateStatus: validatePodStatus,
};

/** Raises the generation of an object whose wish has changed. */
export function bumpGeneration(next: KubeObject, stored: KubeObject, changed: boolean): void {
  if (changed) next.metadata.generation = (stored.metadata.generation ?? 0) + 1;
}

/** pkg/registry/core/endpoint/strategy.go */
export const ENDPOINTS: KindRules<Endpoints> = {
  ...COMMON,
  createOnUpdate: true,
  default: defaultEndpoints,
  validate: (endpoints) => validateEndpoints(endpoints),
  validateUpdate: validateEndpoints,
  warnings: ({ subsets = [] }) =>
    subsets.flatMap((subset, index) =>
      (["addresses", "notReadyAddresses"] as const).flatMap((list) =>
        (subset[list] ?? []).flatMap(({ ip }, at) =>
          addressWarnings(`subsets[${index}].${list}[${at}].ip`, ip),
        ),
      ),
    ),
};

/** pkg/registry/discovery/endpointslice/strategy.go */
export const ENDPOINT_SLICE: KindRules<EndpointSlice> = {
  ...COMMON,
  checksMetadataOnUpdate: true,
  default: defaultEndpointSlice,
  prepareForCreate(slice) {
    slice.metadata.generation = 1;
    for (const endpoint of slice.endpoints ?? []) delete endpoint.deprecatedTopology;
  },
  prepareForUpdate(next, stored) {
    const { metadata: after, ...content } = next;
    const { metadata: before, ...old } = stored;
    const labelled = sameJson(after.labels ?? {}, before.labels ?? {});
    bumpGeneration(next, stored, !labelled || !sameJson(content, old));
    dropTopology(next, stored);
  },
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
  warnings: sliceWarnings,
};

/** The old map of labels is not taken; but a node that only it named stays known. */
function dropTopology(next: EndpointSlice, stored: EndpointSlice): void {
  const before = stored.endpoints ?? [];
  if (!next.endpoints || sameJson(before, next.endpoints)) return;
  const names = new Set(before.map(({ deprecatedTopology }) => deprecatedTopology?.[HOSTNAME]));
  next.endpoints = next.endpoints.map(({ deprecatedTopology, ...endpoint }) => {
    const name = deprecatedTopology?.[HOSTNAME];
    const isKept = endpoint.nodeName === undefined && name !== undefined && names.has(name);
    return isKept ? { ...endpoint, nodeName: name } : endpoint;
  });
}

const HOSTNAME = "kubernetes.io/hostname";
const CONTROLLERS = ["endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"];

/** Slices of the controllers have their addresses from what was warned of. */
function sliceWarnings(
  { metadata, addressType, endpoints }: EndpointSlice,
  stored?: EndpointSlice,
): string[] {
  const isFqdn = stored === undefined && addressType === "FQDN";
  const type = isFqdn ? ["spec.addressType: FQDN endpoints are deprecated"] : [];
  const manager = metadata.labels?.["endpointslice.kubernetes.io/managed-by"] ?? "";
  if (CONTROLLERS.includes(manager)) return type;
  const addresses = (endpoints ?? []).flatMap((endpoint, index) =>
    (endpoint.addresses ?? []).flatMap((address, at) =>
      addressWarnings(`endpoints[${index}].addresses[${at}]`, address),
    ),
  );
  return [...type, ...addresses];
}

/** pkg/registry/core/configmap/strategy.go */
export const CONFIG_MAP: KindRules<ConfigMap> = {
  ...COMMON,
  checksMetadataOnUpdate: true,
  validate: validateConfigMap,
  validateUpdate: validateConfigMapUpdate,
};

/** pkg/registry/core/secret/strategy.go */
export const SECRET: KindRules<Secret> = {
  ...COMMON,
  checksMetadataOnUpdate: true,
  default: defaultSecret,
  prepareForUpdate(next, stored) {
    // An update without a type keeps it.
    if (next.type === undefined && stored.type !== undefined) next.type = stored.type;
  },
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
};

/** pkg/registry/core/event/strategy.go */
export const EVENT: KindRules<KubeEvent> = {
  ...COMMON,
  createOnUpdate: true,
  validate: validateEvent,
  validateUpdate: validateEvent,
};

/** pkg/registry/coordination/lease/strategy.go */
export const LEASE: KindRules<Lease> = {
  ...COMMON,
  createOnUpdate: true,
  unconditionalUpdate: false,
  validate: validateLease,
  validateUpdate: validateLease,
};
