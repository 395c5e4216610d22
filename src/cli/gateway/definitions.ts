import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { KubeClient } from "../../client/index.ts";
import { GATEWAY_GROUP, TANDEM_GROUP } from "../../objects/gateway/index.ts";
import { hasCondition } from "../../objects/conditions.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { AnyObject, KubeObject } from "../../objects/types.ts";

/** The experimental channel has all kinds and fields of the standard one, and more. */
const BUNDLES: readonly Bundle[] = [
  "gateway-api-v1.6.3-experimental.json",
  "tandem-v1alpha1.json",
  "tandem-policies.json",
  "tandem-mesh.json",
  "tandem-balancer.json",
];
type Bundle =
  | "gateway-api-v1.6.3-experimental.json"
  | `tandem-${"v1alpha1" | "policies" | "mesh" | "balancer"}.json`;
const FOLDER = join(import.meta.dirname, "../../../data/crds");

/** Whether objects of this apiVersion need definitions that {@link installDefinitions} brings. */
export function needsDefinitions({ apiVersion }: { readonly apiVersion: string }): boolean {
  return [GATEWAY_GROUP, TANDEM_GROUP].some((group) => apiVersion.startsWith(`${group}/`));
}

/**
 * Installs the definitions of the Gateway API and of Tandem's own kinds, and resolves when they are served. Where a
 * definition of the Gateway API is there already, that bundle stays as its owner has it. Safe to repeat, also at once.
 */
export async function installDefinitions(client: KubeClient): Promise<void> {
  const there = await client.listAll<KubeObject>(KINDS.CustomResourceDefinition, { metadataOnly: true });
  const names = new Set(there.items.map(({ metadata }) => metadata.name));
  const ownBundle = [...names].some((name) => name.endsWith(`.${GATEWAY_GROUP}`));
  const wanted = await definitionsIn(...BUNDLES);
  const missing = wanted.filter(({ metadata: { name } }) => {
    return !names.has(name) && !(ownBundle && !name.endsWith(`.${TANDEM_GROUP}`));
  });
  await Promise.all(missing.map((definition) => createUnlessThere(client, definition)));
  await Promise.all(missing.map(({ metadata }) => established(client, metadata.name)));
}

/** The CustomResourceDefinitions of these bundles (data/crds), one after the other. */
export async function definitionsIn(...bundles: readonly Bundle[]): Promise<AnyObject[]> {
  const texts = await Promise.all(bundles.map((bundle) => readFile(join(FOLDER, bundle), "utf8")));
  return texts.flatMap((text) => (JSON.parse(text) as { items: AnyObject[] }).items);
}

async function createUnlessThere(client: KubeClient, definition: AnyObject): Promise<void> {
  try {
    await client.create(KINDS.CustomResourceDefinition, definition);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
  }
}

const PAUSE_MS = 20;
const MAX_TRIES = 3000;

/** It may not be there yet, where another process has only begun to create it: our own attempt was refused by then. */
async function established(client: KubeClient, name: string): Promise<void> {
  for (let attempt = 1; attempt < MAX_TRIES; attempt++) {
    if (
      hasCondition((await client.find<Definition>(KINDS.CustomResourceDefinition, name)) ?? {}, "Established")
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(`the definition ${name} is not established`);
}

interface Definition extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
