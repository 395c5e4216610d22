/** Where sidecars get their configuration from, and where the API server asks about pods, unless told otherwise. */
export const MESH_XDS_PORT = 18010;
export const WEBHOOK_PORT = 18011;
