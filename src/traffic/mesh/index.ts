/** The façade of the mesh model. */
export { createMeshModel } from "./mesh.ts";
export * from "./model.ts";
export { accountOfIdentity, workloadIdentity } from "./names.ts";
export { createPeerModel, type PeerModel } from "./peers.ts";
export { RefusedBy } from "./refused-by.ts";
export type { Later } from "./turnover.ts";
export * from "./types.ts";
export { SIDECAR_CONTAINER } from "./workloads.ts";
