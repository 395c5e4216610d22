/** A mesh as objects of the API: who gets a sidecar, and who everybody is. */
export {
  type Account,
  Identities,
  identitySecretName,
  type MeshAuthority,
  type WorkloadCertificate,
} from "./identities.ts";
export { GRPC_MODE } from "./injection-grpc.ts";
export { IDENTITY_FOLDER, INIT_CONTAINER, type InjectionSettings, SIDECAR_LABEL } from "./injection.ts";
export type { WebhookAddress } from "./injection-registration.ts";
export { injectionHandler } from "./injection-webhook.ts";
export { ensureMeshAuthority, MESH_AUTHORITY, registerInjection } from "./registration.ts";
