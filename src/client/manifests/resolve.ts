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
  if (unknown.length > 0) throw await unknownKinds(discovery, unknown);
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

async function unknownKinds(discovery: Discovery, all: readonly ManifestObject[]): Promise<UserError> {
  const kinds = new Set(all.map(({ object }) => `"${object.kind}" in "${object.apiVersion}"`));
  const versions = [...new Set(all.map(({ object }) => object.apiVersion))];
  const next = await Promise.all(versions.map((version) => whatIsServed(discovery, version)));
  return new UserError({
    what: "cannot apply the manifests",
    where: all.map(placeOf).join(", "),
    why: `the server has no kind ${[...kinds].join(", ")}`,
    next: `${next.join("; ")} (nothing was applied)`,
    exitCode: EXIT.badInput,
  });
}

async function whatIsServed(discovery: Discovery, apiVersion: string): Promise<string> {
  const served = (await discovery.kindsOf(apiVersion)).map(({ kind }) => kind).sort();
  return served.length > 0
    ? `check the spelling, or remove the object: ${apiVersion} has ${served.join(", ")}`
    : `check the apiVersion, or remove the object: the server has no group and version "${apiVersion}"`;
}
