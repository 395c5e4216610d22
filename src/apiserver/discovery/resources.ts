import type { Kind } from "../../objects/kinds.ts";
import { SUBRESOURCES, verbsOf } from "./verbs.ts";

/** One line of `metav1.APIResourceList`. */
export interface ApiResource {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** A kind and its subresources, as legacy discovery lists them. */
export function apiResourcesOf(kind: Kind): ApiResource[] {
  const { plural, singular, namespaced, shortNames, categories } = kind;
  const own: ApiResource = {
    name: plural,
    singularName: singular,
    namespaced,
    kind: kind.kind,
    verbs: verbsOf(kind),
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
  };
  const subresources = kind.subresources.map((name): ApiResource => {
    const facts = SUBRESOURCES[name]!;
    const place = facts.group === undefined ? {} : { group: facts.group, version: facts.version! };
    const resource = { name: `${plural}/${name}`, singularName: "", namespaced, ...place };
    return { ...resource, kind: facts.kind ?? kind.kind, verbs: facts.verbs };
  });
  return [own, ...subresources];
}

/** A kind and its subresources, as aggregated discovery (apidiscovery.k8s.io/v2) lists them. */
export function discoveredResource(kind: Kind): object {
  const { group, version, plural, singular, namespaced, shortNames, categories } = kind;
  const subresources = kind.subresources.map((name) => {
    const { verbs, ...facts } = SUBRESOURCES[name]!;
    const responseKind = {
      group: facts.group ?? group,
      version: facts.version ?? version,
      kind: facts.kind ?? kind.kind,
    };
    return { subresource: name, responseKind, verbs };
  });
  return {
    resource: plural,
    responseKind: { group, version, kind: kind.kind },
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs: verbsOf(kind),
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}
