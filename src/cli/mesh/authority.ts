/** The mesh's authority as it is watched: a Secret in tandem-system. */
import type { KubeClient } from "../../client/index.ts";
import { keyPairOf } from "../../controllers/gateway/index.ts";
import { type Identities, MESH_AUTHORITY, type MeshAuthority } from "../../controllers/mesh/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import { MESH_NAMESPACE } from "../../objects/mesh/index.ts";
import type { Secret } from "../../objects/types.ts";
import { authorityProblem, daysLeft, isCertificate, type KeyPair } from "../../pki/issue.ts";
import type { Source } from "../xds/sources.ts";
import type { ServerCredentials } from "./server-credentials.ts";

/** What follows the authority. */
export interface AuthorityParts {
  readonly client: KubeClient;
  readonly log: (line: string) => void;
  /** As it was at the start. */
  readonly authority: KeyPair;
  readonly identities: Pick<Identities, "setAuthority">;
  readonly servers: Pick<ServerCredentials, "change">;
}

/**
 * Whoever changes the authority changes its Secret: `tls.crt` and `tls.key` sign, `ca.crt` is trusted as well. A Secret
 * that is taken away is put back: without it the next start would make an authority that no running sidecar trusts.
 */
export function authoritySource({ client, log, authority, identities, servers }: AuthorityParts): Source {
  let known = authority;
  return {
    kind: KINDS.Secret,
    fieldSelector: `metadata.namespace=${MESH_NAMESPACE},metadata.name=${MESH_AUTHORITY}`,
    intake: ({ type, object }) => {
      const secret = object as Secret;
      if (type === "deleted") return void restoreAuthority(client, known, log);
      const next = authorityIn(
        secret,
        "nothing changes, and the authority that signed until now goes on",
        log,
      );
      if (next === undefined) return;
      known = next.signer;
      identities.setAuthority(next);
      servers.change(next.signer);
    },
  };
}

/** The authority that a Secret holds; undefined where it cannot sign: a line says why, and what becomes of that. */
export function authorityIn(
  secret: Secret,
  otherwise: string,
  log: (line: string) => void,
): MeshAuthority | undefined {
  const signer = keyPairOf(secret);
  const problem = signer === undefined ? "it has no tls.crt and tls.key" : authorityProblem(signer);
  if (signer === undefined || problem !== undefined)
    return void log(`${whereAuthority}: ${problem}: ${otherwise}`);
  warnOfExpiry(signer, log);
  return { signer, others: othersIn(secret, log) };
}

function othersIn({ data }: Secret, log: (line: string) => void): string[] {
  const more = data?.["ca.crt"];
  const text = more ? Buffer.from(more, "base64").toString() : "";
  if (text === "" || isCertificate(text)) return text === "" ? [] : [text];
  log(`${whereAuthority}: ca.crt is no certificate (PEM): it is left out`);
  return [];
}

/** Says that an authority has run out, or will: sidecars take no certificate of it then, on any family. */
export function warnOfExpiry({ certificate }: KeyPair, log: (line: string) => void): void {
  const days = Math.floor(daysLeft(certificate));
  if (days >= SOON_DAYS) return;
  const what =
    days < 0 ? "is no longer valid, so that no sidecar takes certificates of it" : `ends in ${days} days`;
  log(`the authority in ${whereAuthority} ${what}; put tls.crt and tls.key of another one there`);
}

const SOON_DAYS = 30;
const whereAuthority = `Secret ${MESH_NAMESPACE}/${MESH_AUTHORITY}`;

async function restoreAuthority(
  client: KubeClient,
  { certificate, key }: KeyPair,
  log: (line: string) => void,
) {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const metadata = { name: MESH_AUTHORITY, namespace: MESH_NAMESPACE };
  const data = { "tls.crt": base64(certificate), "tls.key": base64(key) };
  try {
    await client.create(KINDS.Secret, { metadata, type: "kubernetes.io/tls", data });
    log(`${whereAuthority} was taken away, and is there again: running sidecars trust that authority`);
  } catch (error) {
    if (error instanceof ApiError && error.code === 409) return; // another replica was quicker
    log(`${whereAuthority} was taken away, and cannot be put back: ${(error as Error).message}`);
  }
}
