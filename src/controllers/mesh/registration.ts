import type { KubeClient } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import { ensureAuthority } from "../gateway/certificates.ts";
import { authorityProblem, type KeyPair } from "../../pki/issue.ts";
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";
import { injectionRegistration, type WebhookAddress } from "./injection-registration.ts";

/** The Secret with the authority of a mesh. */
export const MESH_AUTHORITY = "tandem-mesh-ca";
const REGISTRATION = "tandem-mesh";

/** Reads the mesh's authority, or makes it. Fails where the one that is there cannot sign. */
export async function ensureMeshAuthority(client: KubeClient): Promise<KeyPair> {
  const authority = await ensureAuthority(client, MESH_NAMESPACE, MESH_AUTHORITY);
  const problem = authorityProblem(authority);
  if (problem === undefined) return authority;
  const where = `Secret ${MESH_NAMESPACE}/${MESH_AUTHORITY}`;
  throw new Error(
    `${where}: ${problem}, so that nobody can get a certificate; put a certificate of an authority and its key there, or ` +
      "take the Secret away to have a new one made",
  );
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
