/** Where a mesh's process is asked, by port number, unless told otherwise. */

/** Where sidecars get their configuration from: xDS over mutual TLS. */
export const MESH_XDS_PORT = 18010;

/** Where the API server asks about pods: HTTPS. */
export const WEBHOOK_PORT = 18011;

/** Where applications ask that speak xDS themselves. */
export const MESH_GRPC_PORT = 18012;
