import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Discovery, type KubeClient, type ServedKind } from "../../src/client/index.ts";
import { type Kind, KINDS } from "../../src/objects/kinds.ts";
import type { AnyObject } from "../../src/objects/types.ts";
import { eventually } from "./cluster.ts";

/** A small definition, `<plural>.example.com`, in one version. */
export function definition(
  plural: string,
  scope: "Namespaced" | "Cluster" = "Namespaced",
  version = "v1",
): AnyObject {
  const kind = plural.charAt(0).toUpperCase() + plural.slice(1, -1);
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: "example.com",
      scope,
      names: { plural, kind },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  } as unknown as AnyObject;
}

/** A definition of the Gateway API. */
export function gatewayDefinition(plural: string): AnyObject {
  const file = join(import.meta.dirname, "../../data/crds/gateway-api-v1.6.3-experimental.json");
  const { items } = JSON.parse(readFileSync(file, "utf8")) as { items: AnyObject[] };
  return items.find(({ metadata }) => metadata.name === `${plural}.gateway.networking.k8s.io`)!;
}

/** Creates a definition, waits until it is served, and gives its kind. */
export async function define(client: KubeClient, wanted: AnyObject): Promise<ServedKind> {
  await client.create(KINDS.CustomResourceDefinition, wanted);
  const [plural] = wanted.metadata.name.split(".");
  const kinds = await eventually(
    async () => (await new Discovery(client).survey()).kinds,
    (all) => all.some((kind) => `${kind.plural}.${kind.group}` === wanted.metadata.name),
  );
  return kinds.find((kind) => kind.plural === plural && wanted.metadata.name.endsWith(kind.group))!;
}

/** A reference to an owner. */
export function ownedBy(kind: Kind, { metadata }: AnyObject): object {
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  return { apiVersion, kind: kind.kind, name: metadata.name, uid: metadata.uid, blockOwnerDeletion: true };
}
