/** Mesh models of YAML texts, and what came out of them as text. */
import { parseAllDocuments, stringify } from "yaml";
import type { KubeObject } from "../../../src/objects/types.ts";
import { createTrafficModel, type ObjectChange, type TrafficModel } from "../../../src/traffic/index.ts";
import {
  createMeshModel,
  type IncrementalMeshModel,
  type MeshChanges,
  type MeshIntakeKind,
} from "../../../src/traffic/mesh/index.ts";
import { shortened } from "../gateway/text.ts";

/** The models of a cluster. */
export interface Models {
  readonly traffic: TrafficModel;
  readonly mesh: IncrementalMeshModel;
}

/** Models without objects. */
export function emptyModels(): Models {
  const traffic = createTrafficModel();
  const mesh = createMeshModel({
    traffic,
    trustDomain: "cluster.local",
    clusterDomain: "cluster.local",
    clusterFamilies: ["IPv4", "IPv6"],
    controllerName: "tandem.dev/mesh-controller",
    now: () => "2026-01-02T03:04:05Z",
  });
  return { traffic, mesh };
}

/** Takes an object in, as the process of a mesh does. */
export function take(
  { traffic, mesh }: Models,
  object: KubeObject,
  type: ObjectChange<KubeObject>["type"] = "added",
): void {
  const change = { type, object } as never;
  if (object.kind === "Service") traffic.onService(change);
  if (object.kind === "EndpointSlice") return void traffic.onSlice(change);
  if (object.kind === "Namespace") traffic.onNamespace(change);
  mesh.on(object.kind as MeshIntakeKind, change);
}

/** The objects of a text, with what an API server fills in. */
export function objectsOf(text: string): KubeObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const object = document.toJS() as KubeObject | null;
    if (object === null) return [];
    object.metadata.namespace ??= "default";
    if (object.kind !== "Service" && object.kind !== "Pod") object.metadata.generation ??= 1;
    object.metadata.creationTimestamp ??= "2026-01-01T00:00:00Z";
    return [object];
  });
}

/** All that is in force in a model. */
export function textOf({ mesh }: Models, statuses: MeshChanges["statuses"] = new Map()): string {
  const peers = [...mesh.sidecars.keys()].map((key) => [key, mesh.peerOf(key) ?? "none"] as const);
  const said = [...statuses].map(([id, { status }]) => [id, status] as const);
  const result = {
    sidecars: plain(mesh.sidecars),
    services: plain(mesh.services),
    destinations: plain(mesh.destinations),
    trust: plain(mesh.trust),
    peers: plain(new Map(peers)),
    statuses: shortened(plain(new Map(said))),
  };
  return stringify(result, { lineWidth: 110, aliasDuplicateObjects: false });
}

/** What changes came to, applied to what was known. */
export function applyChanges(known: Map<string, unknown>, changes: MeshChanges): void {
  for (const part of ["sidecars", "services", "destinations", "trust"] as const)
    for (const [key, value] of changes[part]) {
      if (value === undefined) known.delete(`${part} ${key}`);
      else known.set(`${part} ${key}`, value);
    }
}

function plain(value: unknown): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, plain(v)]));
  return value;
}
