import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import type { Kind } from "../../objects/kinds.ts";
import { Discovery } from "../discovery.ts";
import type { KubeClient } from "../kube-client.ts";
import { type ManifestObject, placeOf } from "./source.ts";

/** An object of a manifest with the kind that serves it; namespaced objects have their namespace. */
export interface Target extends ManifestObject {
  readonly resource: Kind;
}

/**
 * Finds the kind of every object in the server's discovery, and fills in the default namespace.
 * @throws UserError naming every object whose kind the server does not have
 */
export async function resolveTargets(
  client: KubeClient,
  manifests: readonly ManifestObject[],
): Promise<Target[]> {
  const discovery = new Discovery(client);
  const targets: Target[] = [];
  const unknown: ManifestObject[] = [];
  for (const manifest of manifests) {
    const { apiVersion, kind } = manifest.object;
    const resource = await discovery.find(apiVersion, kind);
    if (resource === undefined) unknown.push(manifest);
    else targets.push(inNamespace(manifest, resource, client.config.namespace ?? "default"));
  }
  const first = unknown[0];
  if (first !== undefined) throw await unknownKind(discovery, first, unknown);
  return targets;
}

function inNamespace(manifest: ManifestObject, resource: Kind, namespace: string): Target {
  const { object } = manifest;
  if (!resource.namespaced) {
    const { namespace: _, ...metadata } = object.metadata;
    return { ...manifest, resource, object: { ...object, metadata } };
  }
  const metadata = { ...object.metadata, namespace: object.metadata.namespace || namespace };
  return { ...manifest, resource, object: { ...object, metadata } };
}

async function unknownKind(
  discovery: Discovery,
  first: ManifestObject,
  all: readonly ManifestObject[],
): Promise<UserError> {
  const { apiVersion, kind } = first.object;
  const served = (await discovery.kindsOf(apiVersion)).map((known) => known.kind).sort();
  const next =
    served.length > 0
      ? `check the spelling; ${apiVersion} has ${served.join(", ")}`
      : `check the apiVersion, or remove the object; the server has no group and version "${apiVersion}"`;
  return new UserError({
    what: "cannot apply the manifests",
    where: all.map(placeOf).join(", "),
    why: `the server has no kind "${kind}" in "${apiVersion}"`,
    next: `${next} (nothing was applied)`,
    exitCode: EXIT.badInput,
  });
}
