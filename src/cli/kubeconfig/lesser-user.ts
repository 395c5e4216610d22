import type { KubeClient } from "../../client/index.ts";
import { UserError } from "../../errors/user-error.ts";
import { type Kind, KINDS } from "../../objects/kinds.ts";
import { type PolicyRule, RBAC_GROUP } from "../../objects/rbac/types.ts";
import { ApiError } from "../../objects/status.ts";
import type { KubeObject } from "../../objects/types.ts";
import { requireNamespace } from "../namespace.ts";

/** Marks what this command made, so that it never changes a Role that somebody else wrote. */
const LABELS = { "app.kubernetes.io/managed-by": "tandem" };

/** A user to make, and what it may do. */
export interface LesserUser {
  readonly namespace: string;
  readonly user: string;
  /** How long the token is to hold. */
  readonly seconds: number;
  /** What the user may do, found out with the help of the server. */
  readonly rules: (client: KubeClient) => Promise<PolicyRule[]>;
}

/** The user's token, and until when it holds, in RFC 3339. */
export interface UserToken {
  readonly token: string;
  readonly expires: string;
}

/**
 * Makes a user of one namespace, or changes what it may do: a ServiceAccount, a Role and a RoleBinding, all by its name.
 * @throws UserError when the namespace does not exist, the name is taken, or the server refuses
 */
export async function createLesserUser(client: KubeClient, wanted: LesserUser): Promise<UserToken> {
  const { namespace, user, seconds } = wanted;
  try {
    await requireNamespace(client, namespace, {
      what: "cannot make the user",
      next: `kubectl create namespace ${namespace}`,
    });
    const rules = await wanted.rules(client);
    for (const kind of [KINDS.Role, KINDS.RoleBinding]) await requireOurs(client, kind, user, namespace);
    const metadata = { name: user, namespace, labels: LABELS };
    await apply(client, KINDS.ServiceAccount, { metadata });
    await apply(client, KINDS.Role, { metadata, rules });
    await apply(client, KINDS.RoleBinding, {
      metadata,
      roleRef: { apiGroup: RBAC_GROUP, kind: "Role", name: user },
      subjects: [{ kind: "ServiceAccount", name: user, namespace }],
    });
    return await requestToken(client, user, namespace, seconds);
  } catch (cause) {
    throw asUserError(client, cause, `user ${user} in namespace ${namespace}`);
  }
}

async function requireOurs(client: KubeClient, kind: Kind, name: string, namespace: string): Promise<void> {
  const found = await client.find<KubeObject>(kind, name, namespace);
  const label = "app.kubernetes.io/managed-by";
  if (found === undefined || found.metadata.labels?.[label] === LABELS[label]) return;
  throw new UserError({
    what: "cannot make the user",
    where: `${kind.kind} ${namespace}/${name}`,
    why: "it exists, and this command did not make it",
    next: "choose another name with --user",
  });
}

async function apply(
  client: KubeClient,
  kind: Kind,
  object: Pick<KubeObject, "metadata"> & Record<string, unknown>,
): Promise<void> {
  const { name, namespace } = object.metadata;
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  const full = { apiVersion, kind: kind.kind, ...object };
  await client.patch(kind, name, namespace, full, { type: "apply", fieldManager: "tandem", force: true });
}

async function requestToken(
  client: KubeClient,
  user: string,
  namespace: string,
  seconds: number,
): Promise<UserToken> {
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: { name: user, namespace },
    spec: { expirationSeconds: seconds },
  };
  interface Answer {
    readonly status: { readonly token: string; readonly expirationTimestamp: string };
  }
  const { status } = await client.create<Answer>(KINDS.ServiceAccount, request, { subresource: "token" });
  return { token: status.token, expires: status.expirationTimestamp };
}

function asUserError(client: KubeClient, cause: unknown, where: string): unknown {
  if (cause instanceof ApiError) {
    const next =
      cause.code === 403 ? "use the kubeconfig of somebody who may do this, with --kubeconfig" : undefined;
    const why = cause.message;
    return new UserError({ what: "cannot make the user", where, why, ...(next ? { next } : {}), cause });
  }
  if (cause instanceof Error && "code" in cause) {
    const why = `the API server cannot be reached: ${cause.message}`;
    return new UserError({ what: "cannot make the user", where: client.config.server, why, cause });
  }
  return cause;
}
