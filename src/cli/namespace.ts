import type { KubeClient } from "../client/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { KINDS } from "../objects/kinds.ts";

/** Sees that the namespace of `-n` is there; `what` fails without it, and `next` helps. @throws UserError */
export async function requireNamespace(
  client: KubeClient,
  namespace: string,
  about: { readonly what: string; readonly next: string },
): Promise<void> {
  const found = await client.find(KINDS.Namespace, namespace);
  if (found !== undefined) return;
  throw new UserError({
    ...about,
    where: `flag --namespace, value ${JSON.stringify(namespace)}`,
    why: "the cluster has no such namespace",
    exitCode: EXIT.badInput,
  });
}
