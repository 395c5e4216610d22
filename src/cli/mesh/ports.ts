/**
 * Where sidecars get their configuration from, where the API server asks about pods, and where applications ask that
 * speak xDS themselves, unless told otherwise.
 */
export const MESH_XDS_PORT = 18010;
export const WEBHOOK_PORT = 18011;
export const MESH_GRPC_PORT = 18012;
