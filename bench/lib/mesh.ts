/** A mesh with many Services, all of whose pods have sidecars, as objects of the API. */
import type { Family } from "../../src/ip/family.ts";
import type { EndpointSlice, Pod, Service } from "../../src/objects/types.ts";
import type { Frontend } from "../../src/traffic/model.ts";
import { createTrafficModel, type TrafficModel } from "../../src/traffic/index.ts";
import {
  createMeshModel,
  type IncrementalMeshModel,
  SIDECAR_CONTAINER,
} from "../../src/traffic/mesh/index.ts";
import { fill, objectsOf } from "./services.ts";

/** What the mesh is like. */
export interface MeshSize {
  readonly services: number;
  /** Sidecars of pods that serve nothing: those whose configuration is looked at. */
  readonly sidecars: number;
  readonly families: readonly Family[];
  /** The name of Services' ports, which says their protocol. */
  readonly port: string;
}

/** A model with everything in it; {@link IncrementalMeshModel.flush} gives all of it the first time. */
export interface BenchMesh {
  readonly traffic: TrafficModel;
  readonly model: IncrementalMeshModel;
  frontend(key: string): Frontend | undefined;
}

/** Makes the mesh. Pods are those of `sliceOf`, each with a sidecar. */
export function meshOf({ services, sidecars, families, port }: MeshSize): BenchMesh {
  const objects = objectsOf(services);
  const traffic = createTrafficModel();
  const model = createMeshModel({
    traffic,
    trustDomain: "cluster.local",
    clusterDomain: "cluster.local",
    clusterFamilies: ["IPv4", "IPv6"],
    controllerName: "tandem.dev/mesh-controller",
    now: () => "2026-01-01T00:00:00Z",
  });
  const named = objects.services.map((service): Service => {
    const { spec } = service;
    const ports = (spec.ports ?? []).map((one) => ({ ...one, name: port }));
    return { ...service, spec: { ...spec, ipFamilies: [...families], ports } };
  });
  const slices = objects.slices
    .filter((slice) => families.includes(slice.addressType as Family))
    .map((slice) => ({ ...slice, ports: (slice.ports ?? []).map((one) => ({ ...one, name: port })) }));
  for (const object of named) model.on("Service", { type: "added", object });
  fill(traffic, { services: named, slices });
  for (const [key, addresses] of podsOf(slices))
    model.on("Pod", { type: "added", object: podOf(key, addresses) });
  for (let index = 0; index < sidecars; index++) {
    const addresses = families.map((family) =>
      family === "IPv4" ? `10.250.0.${index + 1}` : `fd00:250::${index + 1}`,
    );
    model.on("Pod", { type: "added", object: podOf(`client-${index}`, addresses) });
  }
  return { traffic, model, frontend: (key) => traffic.snapshot().frontends.get(key) };
}

/** Addresses by the name of the pod. */
function podsOf(slices: readonly EndpointSlice[]): Map<string, string[]> {
  const pods = new Map<string, string[]>();
  for (const { endpoints } of slices) {
    for (const { targetRef, addresses } of endpoints ?? []) {
      const name = targetRef?.name ?? "";
      pods.set(name, [...(pods.get(name) ?? []), ...addresses]);
    }
  }
  return pods;
}

function podOf(name: string, addresses: readonly string[]): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: name },
    spec: { serviceAccountName: "default", containers: [{ name: "main" }, { name: SIDECAR_CONTAINER }] },
    status: { phase: "Running", podIPs: addresses.map((ip) => ({ ip })) },
  } as unknown as Pod;
}
