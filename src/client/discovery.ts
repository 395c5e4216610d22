import type { Kind } from "../objects/kinds.ts";
import { errorOf } from "./transport.ts";
import type { KubeClient } from "./kube-client.ts";

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly singularName?: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly shortNames?: readonly string[];
    readonly categories?: readonly string[];
  }[];
}

/** Finds out what kinds a server has, asking once per group and version. */
export class Discovery {
  readonly #client: KubeClient;
  readonly #groups = new Map<string, Promise<readonly Kind[]>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** The kind of an object's apiVersion and kind; undefined when the server has none such. */
  async find(apiVersion: string, kind: string): Promise<Kind | undefined> {
    return (await this.kindsOf(apiVersion)).find((candidate) => candidate.kind === kind);
  }

  /** All kinds of `v1` or `apps/v1`; none when the server does not know the version. */
  kindsOf(apiVersion: string): Promise<readonly Kind[]> {
    let kinds = this.#groups.get(apiVersion);
    if (kinds === undefined) {
      kinds = this.#fetch(apiVersion);
      this.#groups.set(apiVersion, kinds);
    }
    return kinds;
  }

  async #fetch(apiVersion: string): Promise<readonly Kind[]> {
    const slash = apiVersion.indexOf("/");
    const root = slash < 0 ? "/api" : "/apis";
    const path = `${root}/${apiVersion.split("/").map(encodeURIComponent).join("/")}`;
    const { status, body } = await this.#client.request("GET", path);
    if (status === 404) return [];
    if (status !== 200) throw errorOf(status, body);
    return kindsIn(
      slash < 0 ? "" : apiVersion.slice(0, slash),
      apiVersion.slice(slash + 1),
      body as ResourceList,
    );
  }
}

function kindsIn(group: string, version: string, list: ResourceList): Kind[] {
  const kinds: Kind[] = [];
  for (const resource of list.resources) {
    if (resource.name.includes("/")) continue;
    const prefix = `${resource.name}/`;
    const subresources = list.resources.filter(({ name }) => name.startsWith(prefix));
    kinds.push({
      group,
      version,
      kind: resource.kind,
      plural: resource.name,
      singular: resource.singularName || resource.kind.toLowerCase(),
      shortNames: resource.shortNames ?? [],
      categories: resource.categories ?? [],
      namespaced: resource.namespaced,
      subresources: subresources.map(({ name }) => name.slice(prefix.length)),
    });
  }
  return kinds;
}
