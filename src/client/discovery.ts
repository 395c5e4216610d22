import type { Kind } from "../objects/kinds.ts";
import { errorOf } from "./transport.ts";
import type { KubeClient } from "./kube-client.ts";

/** A kind as a server's discovery names it, with what can be done with it. */
export interface ServedKind extends Kind {
  readonly verbs: readonly string[];
}

/** What a server has, and which groups and versions did not answer: an aggregated API may be down. */
export interface Survey {
  readonly kinds: readonly ServedKind[];
  readonly failures: ReadonlyMap<string, Error>;
}

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly singularName?: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly shortNames?: readonly string[];
    readonly categories?: readonly string[];
    readonly verbs?: readonly string[];
  }[];
}

/** Finds out what kinds a server has, asking once per group and version. */
export class Discovery {
  readonly #client: KubeClient;
  readonly #groups = new Map<string, Promise<readonly ServedKind[]>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** The kind of an object's apiVersion and kind; undefined when the server has none such. */
  async find(apiVersion: string, kind: string): Promise<ServedKind | undefined> {
    return (await this.kindsOf(apiVersion)).find((candidate) => candidate.kind === kind);
  }

  /**
   * All kinds of `v1` or `apps/v1`; none when the server does not know the version. A failure is not kept: the
   * next call asks again.
   */
  kindsOf(apiVersion: string): Promise<readonly ServedKind[]> {
    let kinds = this.#groups.get(apiVersion);
    if (kinds === undefined) {
      kinds = this.#fetch(apiVersion);
      this.#groups.set(apiVersion, kinds);
      kinds.catch(() => this.#groups.delete(apiVersion));
    }
    return kinds;
  }

  /**
   * All kinds that live in namespaces and know these verbs, as `survey` names them. Groups that do not answer
   * are left out.
   */
  async namespacedKinds(verbs: readonly string[]): Promise<readonly ServedKind[]> {
    const { kinds } = await this.survey();
    return kinds.filter((kind) => kind.namespaced && verbs.every((verb) => kind.verbs.includes(verb)));
  }

  /**
   * All kinds, each in the version that its group prefers, or in the first that has it (client-go
   * ServerPreferredResources).
   * @throws ApiError when not even the groups can be listed
   */
  async survey(): Promise<Survey> {
    const versions = [...(await this.#coreVersions()), ...(await this.#groupVersions())];
    const failures = new Map<string, Error>();
    const found = await Promise.all(
      versions.map((version) =>
        this.kindsOf(version).catch((error: Error) => {
          failures.set(version, error);
          return [];
        }),
      ),
    );
    const kinds = new Map<string, ServedKind>();
    for (const kind of found.flat()) {
      const key = `${kind.group}/${kind.plural}`;
      if (!kinds.has(key)) kinds.set(key, kind);
    }
    return { kinds: [...kinds.values()], failures };
  }

  async #coreVersions(): Promise<readonly string[]> {
    return ((await this.#get("/api")) as { versions: string[] }).versions;
  }

  /** The versions of each group, the preferred one first. */
  async #groupVersions(): Promise<readonly string[]> {
    interface Version {
      readonly groupVersion: string;
    }
    interface Groups {
      readonly groups: readonly {
        readonly preferredVersion: Version;
        readonly versions: readonly Version[];
      }[];
    }
    const { groups } = (await this.#get("/apis")) as Groups;
    const versions = groups.flatMap(({ preferredVersion, versions }) => [preferredVersion, ...versions]);
    return [...new Set(versions.map(({ groupVersion }) => groupVersion))];
  }

  async #get(path: string): Promise<unknown> {
    const { status, body } = await this.#client.request("GET", path);
    if (status !== 200) throw errorOf(status, body);
    return body;
  }

  async #fetch(apiVersion: string): Promise<readonly ServedKind[]> {
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

function kindsIn(group: string, version: string, list: ResourceList): ServedKind[] {
  const kinds: ServedKind[] = [];
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
      verbs: resource.verbs ?? [],
      subresources: subresources.map(({ name }) => name.slice(prefix.length)),
    });
  }
  return kinds;
}
