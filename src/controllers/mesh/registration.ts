import type { KubeClient } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import { ensureAuthority } from "../gateway/certificates.ts";
import type { KeyPair } from "../../pki/issue.ts";
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";
import { injectionRegistration, type WebhookAddress } from "./injection-registration.ts";

/** The Secret with the authority of a mesh. */
export const MESH_AUTHORITY = "tandem-mesh-ca";
const REGISTRATION = "tandem-mesh";

/** Reads the mesh's authority, or makes it. */
export function ensureMeshAuthority(client: KubeClient): Promise<KeyPair> {
  return ensureAuthority(client, MESH_NAMESPACE, MESH_AUTHORITY);
}

/**
 * Has the API server ask the webhook about new pods. While nobody answers, no pod that should get a sidecar is created,
 * so this may come before there is somebody to answer.
 */
export async function registerInjection(
  client: KubeClient,
  authority: Pick<KeyPair, "certificate">,
  address: WebhookAddress,
): Promise<void> {
  const object = injectionRegistration(REGISTRATION, authority.certificate, address);
  try {
    await client.create(KINDS.MutatingWebhookConfiguration, object);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
    const { webhooks } = object as { webhooks?: unknown };
    const kind = KINDS.MutatingWebhookConfiguration;
    await client.patch(kind, REGISTRATION, undefined, { webhooks }, { type: "merge" });
  }
}
