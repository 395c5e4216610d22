import { RESOURCE_KINDS, type Resource, type ResourceChange, type ResourceKind } from "../resources.ts";

/** What one proxy is to have. Shared by all streams of the proxy; they never change it. */
export interface ResourceTable {
  /** How often it was changed. */
  readonly revision: number;
  get(kind: ResourceKind, name: string): Resource | undefined;
  has(kind: ResourceKind, name: string): boolean;
  names(kind: ResourceKind): Iterable<string>;
  count(kind: ResourceKind): number;
  /** Whether some client refused this version. */
  wasRefused(resource: Resource): boolean;
}

/** A table and its one writer. */
export interface TableWriter extends ResourceTable {
  /** Applies changes and gives those that changed something. */
  apply(changes: readonly ResourceChange[]): ResourceChange[];
  /** Makes the table hold exactly these resources, and gives what changed. */
  replace(resources: readonly Resource[]): ResourceChange[];
  /** Notes that a client refused a version; the next one of the resource is another matter. */
  noteRefused(kind: ResourceKind, name: string, version: string): void;
}

/** A value per kind of resource. */
export type PerKind<T> = Readonly<Record<ResourceKind, T>>;

/** Makes a value for each kind of resource. */
export function perKind<T>(make: (kind: ResourceKind) => T): PerKind<T> {
  return {
    cluster: make("cluster"),
    endpoint: make("endpoint"),
    secret: make("secret"),
    filter: make("filter"),
    listener: make("listener"),
    route: make("route"),
    virtualHost: make("virtualHost"),
  };
}

/** An empty table. */
export function createTable(): TableWriter {
  const resources = perKind(() => new Map<string, Resource>());
  /** The version that was refused, by kind and name; most tables never need it. */
  let refused: Map<string, string> | undefined;
  let revision = 0;

  function apply(changes: readonly ResourceChange[]): ResourceChange[] {
    const effective = changes.filter(({ kind, name, resource }) => {
      const map = resources[kind];
      if (map.get(name)?.version === resource?.version) return false;
      if (resource === undefined) map.delete(name);
      else map.set(name, resource);
      refused?.delete(`${kind}/${name}`);
      return true;
    });
    if (effective.length > 0) revision++;
    return effective;
  }

  function replace(all: readonly Resource[]): ResourceChange[] {
    const kept = perKind(() => new Set<string>());
    for (const { kind, name } of all) kept[kind].add(name);
    const gone: ResourceChange[] = RESOURCE_KINDS.flatMap((kind) =>
      [...resources[kind].keys()].filter((name) => !kept[kind].has(name)).map((name) => ({ kind, name })),
    );
    return apply([
      ...gone,
      ...all.map((resource) => ({ kind: resource.kind, name: resource.name, resource })),
    ]);
  }

  return {
    get revision() {
      return revision;
    },
    get: (kind, name) => resources[kind].get(name),
    has: (kind, name) => resources[kind].has(name),
    names: (kind) => resources[kind].keys(),
    count: (kind) => resources[kind].size,
    wasRefused: ({ kind, name, version }) => refused?.get(`${kind}/${name}`) === version,
    apply,
    replace,
    noteRefused: (kind, name, version) => {
      if (resources[kind].get(name)?.version !== version) return;
      refused ??= new Map();
      refused.set(`${kind}/${name}`, version);
    },
  };
}
