/** Makes the objects of which a Gateway's infrastructure consists, and takes them away. */
import type { KubeClient } from "../../client/index.ts";
import { type Kind, KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { AnyObject, KubeObject, Secret } from "../../objects/types.ts";
import { controllerOf } from "../runtime/owners.ts";
import { reachabilityOf } from "./addresses.ts";
import { proxySecret } from "./certificates.ts";
import { covers } from "./covers.ts";
import { desiredInfrastructure, type InfrastructureRequest, nameOf } from "./desired.ts";
import type { InfrastructureOptions, InfrastructureState } from "./infrastructure.ts";
import type { InfrastructureCache } from "./infrastructure-cache.ts";

/** The state of infrastructure that is not there. */
export const UNREACHABLE: InfrastructureState = { addresses: [], missing: [], unusable: [], readyProxies: 0 };

const MANAGER = "tandem-gateway";

/** Whether this process writes now. */
export function leads(options: InfrastructureOptions): boolean {
  return options.leads?.() ?? true;
}

/** Somebody else's object has the name that ours needs. */
class NameTaken extends Error {}

/** Makes what a Gateway needs, where this process leads, and tells how it is doing. */
export async function ensureInfrastructure(
  options: InfrastructureOptions,
  caches: InfrastructureCache,
  request: InfrastructureRequest,
): Promise<InfrastructureState> {
  const { gateway } = request;
  const key = `${gateway.metadata.namespace}/${nameOf(gateway)}`;
  const desired = desiredInfrastructure(request, options.container(request));
  const owner = gateway.metadata.uid ?? "";
  try {
    const { account, service, deployment } = desired;
    // it may begin to lead in between: then the next pass writes, and makes the certificate first
    if (leads(options)) {
      const secret = await proxySecret(options, gateway, caches.secret(key));
      await apply(options, caches, KINDS.ServiceAccount, account, owner);
      await apply(options, caches, KINDS.Secret, secret, owner);
      if (service !== undefined) await apply(options, caches, KINDS.Service, service, owner);
      await apply(options, caches, KINDS.Deployment, deployment, owner);
    } else
      for (const kind of MADE)
        if (kind !== KINDS.Service || service !== undefined)
          await find(options.client, caches, kind, account.metadata, owner);
  } catch (error) {
    if (!(error instanceof NameTaken)) throw error;
    return { ...UNREACHABLE, problem: error.message };
  }
  const service = caches.services.get(key);
  const reachable =
    service === undefined ? UNREACHABLE : reachabilityOf(service, request, caches.nodes.list());
  return { ...reachable, readyProxies: caches.readyProxies(key, service) };
}

const MADE = [KINDS.ServiceAccount, KINDS.Secret, KINDS.Service, KINDS.Deployment];

/** What is there of a name. @throws NameTaken where it is somebody else's */
async function find(
  client: KubeClient,
  caches: InfrastructureCache,
  kind: Kind,
  metadata: AnyObject["metadata"],
  owner: string,
): Promise<KubeObject | undefined> {
  const key = objectKey({ metadata });
  const live =
    caches.get(kind, key) ?? (await client.find<KubeObject>(kind, metadata.name, metadata.namespace));
  if (live !== undefined && controllerOf(live)?.uid !== owner)
    throw new NameTaken(`${kind.kind} ${key} exists and is not this Gateway's`);
  return live;
}

/** Server-side apply, where something differs and this process leads; fields no longer wanted go as well. */
async function apply(
  options: InfrastructureOptions,
  caches: InfrastructureCache,
  kind: Kind,
  desired: AnyObject,
  owner: string,
): Promise<void> {
  const key = objectKey(desired);
  const { client } = options;
  const live = await find(client, caches, kind, desired.metadata, owner);
  if (!leads(options)) return;
  const text = JSON.stringify(desired);
  if (live !== undefined && caches.applied.get(`${kind.kind}/${key}`) === text && covers(live, desired))
    return;
  const { name, namespace } = desired.metadata;
  const how = { type: "apply", force: true, fieldManager: MANAGER } as const;
  const after = await client.patch<KubeObject>(kind, name, namespace, desired, how);
  if (kind === KINDS.Secret) caches.remember(after as Secret);
  caches.applied.set(`${kind.kind}/${key}`, text);
}

/**
 * Takes away what a Gateway owned that lives on but is of another class now; what a deleted Gateway owned, the garbage
 * collector takes too, whoever is first.
 */
export async function removeInfrastructure(
  client: KubeClient,
  caches: InfrastructureCache,
  key: string,
  leaving: Map<string, string>,
): Promise<void> {
  const uid = leaving.get(key);
  if (uid === undefined) return;
  for (const { kind, informer } of caches.kinds()) {
    for (const object of informer.list(key.split("/")[0])) {
      if (controllerOf(object)?.uid !== uid) continue;
      const { name, namespace } = object.metadata;
      caches.applied.delete(`${kind.kind}/${objectKey(object)}`);
      await client.delete(kind, name, namespace, { propagationPolicy: "Background" }).catch((error) => {
        if (!(error instanceof ApiError) || error.code !== 404) throw error;
      });
    }
  }
  leaving.delete(key);
}
