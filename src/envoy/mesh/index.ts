/** Mesh: what sidecars should have, as xDS resources, made of the mesh model and frontends. */
export { missingTarget } from "./grpc.ts";
export { SIDECAR_PORTS, STATS_LEFT_OUT } from "./names.ts";
export {
  createMeshOutput,
  type MeshModelChanges,
  type MeshOutput,
  type MeshOutputOptions,
  type SidecarChanges,
} from "./output.ts";
export type { WorkloadIdentity } from "./identity.ts";
