/** What an Envoy says that it has: its admin interface's `/config_dump?include_eds`, taken apart. Pure. */
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../proto/index.ts";
import { dumpsIn } from "./dump-forms.ts";

/** The kinds of configuration, in the words of the command line. */
export const DUMP_KINDS = ["listeners", "clusters", "endpoints", "routes", "secrets"] as const;
/** A kind of resources that a dump is read for. */
export type DumpKind = (typeof DUMP_KINDS)[number];

/** One resource as Envoy has it. */
export interface DumpedResource {
  readonly name: string;
  /** `undefined` for those of the bootstrap. */
  readonly version?: string;
  /** `error`: the last version that came was refused, `problem` says why; `resource` is what is in force, if anything. */
  readonly state: "static" | "active" | "warming" | "draining" | "error";
  readonly resource?: JsonObject;
  readonly problem?: string;
  /** Of endpoints, the primary addresses (`10.0.0.1:80`) that outlier detection has taken out; undefined: not asked. */
  readonly ejected?: ReadonlySet<string>;
}

/** All that an Envoy has, by kind; and what it was started with, where that is told. */
export type EnvoyDump = Readonly<Record<DumpKind, readonly DumpedResource[]>> & {
  readonly bootstrap?: JsonObject;
};

/** Fields of each dump: the list, the state of its items, the field with the resource. envoy.admin.v3. */
const LISTS: Readonly<
  Record<
    DumpKind,
    { type: string; item: string; lists: readonly (readonly [string, DumpedResource["state"]])[] }
  >
> = {
  listeners: { type: "ListenersConfigDump", item: "listener", lists: [["static_listeners", "static"]] },
  clusters: {
    type: "ClustersConfigDump",
    item: "cluster",
    lists: [
      ["static_clusters", "static"],
      ["dynamic_active_clusters", "active"],
      ["dynamic_warming_clusters", "warming"],
    ],
  },
  endpoints: {
    type: "EndpointsConfigDump",
    item: "endpoint_config",
    lists: [
      ["static_endpoint_configs", "static"],
      ["dynamic_endpoint_configs", "active"],
    ],
  },
  routes: {
    type: "RoutesConfigDump",
    item: "route_config",
    lists: [
      ["static_route_configs", "static"],
      ["dynamic_route_configs", "active"],
    ],
  },
  secrets: {
    type: "SecretsConfigDump",
    item: "secret",
    lists: [
      ["static_secrets", "static"],
      ["dynamic_active_secrets", "active"],
      ["dynamic_warming_secrets", "warming"],
    ],
  },
};

/**
 * Reads a dump of one Envoy, in any of the forms that {@link dumpsIn} knows.
 * @throws UserError where the text is not one; `where` names the file or the pod that it is from
 */
export function parseDump(text: string, where: string): EnvoyDump {
  let document: JsonValue;
  try {
    document = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw noDump(where, (error as Error).message);
  }
  const [dump, ...others] = readDumps(document);
  if (dump === undefined) throw noDump(where, "it has no `configs`");
  if (others.length === 0) return dump[1];
  const names = [dump, ...others].map(([name]) => name).join(", ");
  throw noDump(where, `it tells of several proxies (${names})`, "give that of one");
}

/** All proxies that a document tells of, by where they are in it. */
export function readDumps(document: JsonValue): readonly (readonly [string, EnvoyDump])[] {
  return [...dumpsIn(document)].map(([name, configs]) => [name, dumpOf(configs)] as const);
}

function dumpOf(configs: readonly JsonObject[]): EnvoyDump {
  const result = {} as Record<DumpKind, DumpedResource[]>;
  for (const kind of DUMP_KINDS) {
    const { type, item, lists } = LISTS[kind];
    const dumps = configs.filter((dump) => String(dump["@type"]).endsWith(`.${type}`));
    result[kind] = dumps.flatMap((dump) => [
      ...lists.flatMap(([list, state]) => objectsIn(dump[list]).map((entry) => simple(entry, item, state))),
      ...(kind === "listeners" ? objectsIn(dump["dynamic_listeners"]).flatMap(dynamicListener) : []),
    ]);
  }
  const start = configs.find((dump) => String(dump["@type"]).endsWith(".BootstrapConfigDump"))?.["bootstrap"];
  return { ...result, ...(isJsonObject(start) && { bootstrap: start }) };
}

function noDump(
  where: string,
  why: string,
  next = "make one with: curl 'http://127.0.0.1:19000/config_dump?include_eds'",
): UserError {
  return new UserError({
    what: "cannot read Envoy's configuration",
    where,
    why,
    next,
    exitCode: EXIT.badInput,
  });
}

function simple(entry: JsonObject, item: string, state: DumpedResource["state"]): DumpedResource {
  const resource = objectOr(entry[item]);
  const error = objectOr(entry["error_state"]);
  const name = resource["name"] ?? resource["cluster_name"] ?? entry["name"] ?? "";
  return {
    name: String(name),
    ...(entry["version_info"] !== undefined && { version: String(entry["version_info"]) }),
    state: "details" in error ? "error" : state,
    resource,
    ...("details" in error && { problem: String(error["details"]) }),
  };
}

/** A listener may be there up to three times: in force, one that waits for what it needs, and one that goes. */
function dynamicListener(entry: JsonObject): DumpedResource[] {
  const name = String(entry["name"] ?? "");
  const error = objectOr(entry["error_state"]);
  const states = (["active", "warming", "draining"] as const).flatMap((state): DumpedResource[] => {
    const found = entry[`${state}_state`];
    if (!isJsonObject(found)) return [];
    const version = String(found["version_info"] ?? "");
    return [{ name, version, state, resource: objectOr(found["listener"]) }];
  });
  if (!("details" in error)) return states;
  const problem = String(error["details"]);
  const [first, ...others] = states;
  return [{ ...(first ?? { name }), state: "error", problem }, ...others];
}

/** The objects of a list; nothing where it is not there. */
export function objectsIn(value: JsonValue): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]).filter(isJsonObject) : [];
}

/** The value where it is an object, else an empty one. */
export function objectOr(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {};
}
