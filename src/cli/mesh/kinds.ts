/** The kinds that a mesh is made from, and what is kept of each object. */
import type { ObjectChange } from "../../client/index.ts";
import { INIT_CONTAINER, SIDECAR_LABEL } from "../../controllers/mesh/index.ts";
import { GATEWAY_KINDS, TANDEM_GATEWAY_KINDS } from "../../objects/gateway/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { MESH_KINDS } from "../../objects/mesh/index.ts";
import type {
  ConfigMap,
  Container,
  ContainerStatus,
  EndpointSlice,
  KubeObject,
  Pod,
  Service,
} from "../../objects/types.ts";
import { createSharer, familyReadyType, type TrafficModel } from "../../traffic/index.ts";
import type { IncrementalMeshModel, MeshIntakeKind } from "../../traffic/mesh/index.ts";
import { sliceTrimmer } from "../wiring.ts";
import type { Source } from "../xds/sources.ts";

/** Every kind with what takes its changes in: the mesh model, the traffic model, or both. */
export function meshSources(
  mesh: IncrementalMeshModel,
  traffic: TrafficModel,
  onPod: (change: ObjectChange<Pod>) => void = () => {},
): readonly Source[] {
  const into = (kind: MeshIntakeKind) => (change: ObjectChange<KubeObject>) => mesh.on(kind, change as never);
  const { HTTPRoute, GRPCRoute, ReferenceGrant, BackendTLSPolicy } = GATEWAY_KINDS;
  const services = (change: ObjectChange<KubeObject>) => {
    traffic.onService(change as ObjectChange<Service>);
    mesh.on("Service", change as ObjectChange<Service>);
  };
  const pods = (change: ObjectChange<KubeObject>) => {
    traffic.onPod(change as ObjectChange<Pod>);
    mesh.on("Pod", change as ObjectChange<Pod>);
    onPod(change as ObjectChange<Pod>);
  };
  const slices = (change: ObjectChange<KubeObject>) => traffic.onSlice(change as ObjectChange<EndpointSlice>);
  return [
    { kind: KINDS.Service, intake: services, transform: withoutSelector },
    { kind: KINDS.EndpointSlice, intake: slices, transform: sliceTrimmer() },
    {
      kind: KINDS.Pod,
      intake: pods,
      transform: podTrimmer(),
      withStatus: true,
      labelSelector: SIDECAR_LABEL,
    },
    { kind: KINDS.Node, intake: into("Node"), transform: labelsOnly },
    { kind: KINDS.ConfigMap, intake: into("ConfigMap"), transform: authoritiesOnly },
    { kind: HTTPRoute, intake: into("HTTPRoute") },
    { kind: GRPCRoute, intake: into("GRPCRoute") },
    { kind: ReferenceGrant, intake: into("ReferenceGrant") },
    { kind: BackendTLSPolicy, intake: into("BackendTLSPolicy") },
    { kind: TANDEM_GATEWAY_KINDS.Backend, intake: into("Backend") },
    { kind: MESH_KINDS.MeshPolicy, intake: into("MeshPolicy") },
    { kind: MESH_KINDS.AuthorizationPolicy, intake: into("AuthorizationPolicy") },
  ];
}

/** Which pods a Service selects is the controllers' concern. */
function withoutSelector(service: Service): Service {
  const { selector: _, ...spec } = service.spec;
  return { ...service, spec };
}

/** A node's zone is among its labels. */
function labelsOnly({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, uid, resourceVersion, labels } = metadata;
  return { apiVersion, kind, metadata: { name, uid, resourceVersion, ...(labels && { labels }) } };
}

function authoritiesOnly(map: ConfigMap): ConfigMap {
  const ca = map.data?.["ca.crt"];
  return { ...map, ...(map.data && { data: ca === undefined ? {} : { "ca.crt": ca } }) };
}

/**
 * What a mesh reads of a pod: who it is, its ports and addresses, and over which families it answers. A mesh has very
 * many, and those of a Deployment differ in names and addresses only.
 */
export function podTrimmer(): (pod: Pod) => Pod {
  const shared = createSharer();
  const types = [familyReadyType("IPv4"), familyReadyType("IPv6")];
  return ({ apiVersion, kind, metadata, spec, status }) => {
    const { name, namespace, uid, resourceVersion, labels } = metadata;
    const { serviceAccountName, nodeName } = spec;
    const conditions = (status?.conditions ?? []).filter(({ type }) => types.includes(type));
    const { phase, podIPs } = status ?? {};
    const capture = failedCapture(status);
    return {
      apiVersion: shared(apiVersion),
      kind: shared(kind),
      metadata: { name, namespace: shared(namespace), uid, resourceVersion, labels: shared(labels) },
      spec: shared({
        initContainers: shortContainers(spec.initContainers),
        containers: shortContainers(spec.containers),
        ...(serviceAccountName && { serviceAccountName }),
        ...(nodeName && { nodeName }),
      }),
      status: {
        conditions: conditions.length > 0 ? conditions : NO_CONDITIONS,
        ...(phase && { phase: shared(phase) }),
        ...(podIPs && { podIPs }),
        ...(capture && { initContainerStatuses: [capture] }),
      },
    } as Pod;
  };
}

/** The init container that captures the pod's traffic, if it could not. */
function failedCapture(status: Pod["status"]): ContainerStatus | undefined {
  const capture = status?.initContainerStatuses?.find(({ name }) => name === INIT_CONTAINER);
  return capture !== undefined && failureOf(capture) !== undefined ? capture : undefined;
}

function failureOf({ state, lastState }: ContainerStatus): string | undefined {
  const end = state?.terminated ?? (state?.waiting && lastState?.terminated);
  if (end === undefined || end.exitCode === 0) return undefined;
  return end.message?.trim() || `exit code ${end.exitCode}`;
}

/** Why a pod's traffic is not captured, so that it does not start; undefined where nothing is known to be wrong. */
export function captureFailure({ status }: Pod): string | undefined {
  const capture = failedCapture(status);
  return capture && failureOf(capture);
}

const NO_CONDITIONS: readonly never[] = [];

function shortContainers(list: readonly Container[] = []) {
  return list.map(({ name, ports, args = [] }) => {
    const flags = name === INIT_CONTAINER ? args.filter((arg) => INBOUND_FLAGS.test(arg)) : [];
    return { name, ...(ports && { ports }), ...(flags.length > 0 && { args: flags }) };
  });
}

/** Which ports are reached past the sidecar. */
const INBOUND_FLAGS = /^--(exclude-)?inbound-ports=/;
