/** Whether an Envoy has what it was sent, from its own configuration. Pure. */
import { type DumpedResource, type DumpKind, type EnvoyDump, objectOr } from "./dump.ts";

/** The xDS types, in the order of the columns: istioctl's, then what it does not have. */
export const XDS_TYPES: readonly (readonly [string, DumpKind])[] = [
  ["CDS", "clusters"],
  ["LDS", "listeners"],
  ["EDS", "endpoints"],
  ["RDS", "routes"],
  ["SDS", "secrets"],
];

/**
 * `SYNCED`: all that came is in force. `STALE`: some wait for what they need, and older ones serve meanwhile.
 * `ERROR`: something was refused. `NOT SENT`: nothing of the type has come.
 */
export type SyncState = "SYNCED" | "STALE" | "ERROR" | "NOT SENT";

/** How far an Envoy is with the resources of one type. */
export interface TypeSync {
  readonly type: string;
  readonly state: SyncState;
  readonly resources: number;
  readonly problems: readonly { readonly name: string; readonly problem: string }[];
}

/** The state of each xDS type of an Envoy. */
export function syncOf(dump: EnvoyDump): TypeSync[] {
  return XDS_TYPES.map(([type, kind]) => {
    const dynamic = withoutEchoes(dump[kind].filter(({ state }) => state !== "static"));
    const problems = dynamic.flatMap(({ name, problem }) =>
      problem === undefined ? [] : [{ name, problem }],
    );
    const resources = new Set(dynamic.map(({ name }) => name)).size;
    return { type, state: stateOf(dynamic), resources, problems };
  });
}

/** Envoy tells of a new listener that it refused twice: by its name, and without. */
function withoutEchoes(resources: readonly DumpedResource[]): readonly DumpedResource[] {
  const told = new Set(resources.filter(({ name }) => name !== "").map(({ problem }) => problem));
  return resources.filter(({ name, problem }) => name !== "" || !told.has(problem));
}

function stateOf(dynamic: readonly DumpedResource[]): SyncState {
  const has = (state: DumpedResource["state"]) => dynamic.some((resource) => resource.state === state);
  if (has("error")) return "ERROR";
  if (has("warming")) return "STALE";
  return dynamic.length === 0 ? "NOT SENT" : "SYNCED";
}

/** The release of the Envoy that the dump is from, as `1.40.0`; undefined where it does not tell. */
export function versionOf({ bootstrap = {} }: EnvoyDump): string | undefined {
  const build = objectOr(objectOr(bootstrap["node"])["user_agent_build_version"]);
  const { major_number: major, minor_number: minor = 0, patch = 0 } = objectOr(build["version"]);
  return major === undefined ? undefined : [major, minor, patch].join(".");
}
