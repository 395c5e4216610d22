/** Containers of pods and of what makes pods: where their programs listen, and what is said to them of families. Pure. */
import type { Family } from "../../ip/family.ts";
import { type Bound, hostAndPort, judgeBound, programOf } from "./listening.ts";
import { asList, asObject, at, type Path, type Remark } from "./model.ts";
import { judgeComponents } from "./components.ts";
import { judgeProbes } from "./probes.ts";
import { judgePodSettings, judgeRuntime } from "./runtime.ts";
import { type Word, wordsOf } from "./words.ts";

/** Where kinds have the spec of their pods. */
const POD_SPECS: readonly Path[] = [
  ["spec", "template", "spec"],
  ["spec", "jobTemplate", "spec", "template", "spec"],
  ["template", "spec"],
  ["spec"],
];

/** Not listeners: what else has an address of everything, or takes lists of them. */
const NO_LISTENER =
  /advert|allow|trust|proxy$|no_?proxy|cors|white|cidr|source|range|except|exclu|announce|node-?ip|remote|target|upstream|backend|peer|join|connect|dns|nameserver|resolver|cluster|gossip|raft|public|external|callback|redirect|origin/i;
/** Variables that tell a program where to listen. */
const LISTENER_VARIABLE =
  /(^|_)(HOST|HOSTNAME|BIND|BINDING|LISTEN|LISTENER|ADDR|ADDRESS|ADDRESSES|URLS?|IP|INTERFACE|SERVER|ENDPOINT)(_|$)/i;
const LISTENER_FLAG = /bind|listen|host|addr|ip$/i;

/** Judges the containers of an object; none for kinds without. */
export function judgePods(object: unknown, families: readonly Family[]): Remark[] {
  const path = POD_SPECS.find((candidate) => asList(at(object, [...candidate, "containers"])).length > 0);
  if (path === undefined) return [];
  const spec = asObject(at(object, path));
  const containers = ["initContainers", "containers"].flatMap((field) =>
    asList(spec[field]).flatMap((item, index) =>
      judgeContainer(asObject(item), [...path, field, index], families),
    ),
  );
  return [...judgePodSettings(spec, path, families), ...containers];
}

function judgeContainer(
  container: Readonly<Record<string, unknown>>,
  path: Path,
  families: readonly Family[],
): Remark[] {
  const words = wordsOf(container, path);
  const env = asList(container["env"]).map(asObject);
  const known = programOf(
    words.map(({ text }) => text),
    env.some(({ name }) => /^(ASPNETCORE|DOTNET)_URLS$/.test(String(name)))
      ? "dotnet/aspnet"
      : String(container["image"] ?? ""),
  );
  const bounds = [...boundByWords(words), ...boundByVariables(env, [...path, "env"])];
  return [
    ...judgeBound(bounds, known, families),
    ...(families.length < 2 ? [] : judgePodAddress(words, env)),
    ...judgeRuntime({ container, words, env, program: known?.name, path }, families),
    ...judgeComponents(words, path, families),
    ...judgeProbes(container, path, families),
  ];
}

function boundByWords(words: readonly Word[]): Bound[] {
  return words.flatMap(({ text, ...place }, index) => {
    const [, flag = "", value = ""] = /^(-[^=]+)=(.*)$/.exec(text) ?? [];
    const before = words[index - 1]?.text ?? "";
    const assigned = boundByAssignment(text, before, place);
    if (assigned.length > 0) return assigned;
    const name = flag || (before.startsWith("-") && !before.includes("=") ? before : "");
    const joined = /^(-[a-zA-Z])(\S+:\d+)$/.exec(text);
    const found = hostAndPort(flag === "" ? (joined?.[2] ?? text) : value);
    if (found === undefined || NO_LISTENER.test(name) || isClient(words, index)) return [];
    if (name === "" && !isPositional(before, found)) return [];
    const said = flag !== "" || joined !== null || name === "" ? text : `${before} ${text}`;
    return [{ ...found, ...place, said, likelyGo: isGoFlag(name) }];
  });
}

/** `HOST=0.0.0.0 node server.js` in a script, and PostgreSQL's `-c listen_addresses=0.0.0.0`. */
function boundByAssignment(text: string, before: string, place: Pick<Bound, "path" | "textLine">): Bound[] {
  const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(text) ?? [];
  if (!/^[A-Z_]+$/.test(name) && before !== "-c") return [];
  return variableBound(name, value, place.path).map((bound) => ({ ...bound, ...place }));
}

/** Bare addresses that are listened at: `runserver 0.0.0.0:8000`, redis' `--bind 0.0.0.0 ::`. */
function isPositional(before: string, { host }: { host: string }): boolean {
  return (
    host !== "" &&
    (/^(runserver|bind|serve|server|http\.server)$/.test(before) || hostAndPort(before) !== undefined)
  );
}

/** In scripts: `curl 0.0.0.0:80`, `ip route … 0.0.0.0`. */
function isClient(words: readonly Word[], index: number): boolean {
  const near = words
    .slice(Math.max(0, index - 4), index)
    .filter(({ textLine }) => textLine === words[index]?.textLine);
  return near.some(({ text }) =>
    /^(curl|wget|ping|ip|route|iptables|nft|grep|echo|nc|dig|export)$/.test(text),
  );
}

/** Flags of the Go package flag begin with one dash; some names only Go programs have. */
function isGoFlag(name: string): boolean {
  return (
    /^-[a-z][\w.-]+$/.test(name) ||
    /^--(web\.listen-address|[\w-]*bind-address|secure-listen-address|listen-(client|metrics|peer)-urls|[\w-]*metrics-addr(ess)?|health-addr(ess)?|leader-elect[\w-]*)$/.test(
      name,
    )
  );
}

function boundByVariables(env: readonly Readonly<Record<string, unknown>>[], path: Path): Bound[] {
  return env.flatMap(({ name, value }, index) =>
    variableBound(String(name), value, [...path, index, "value"]),
  );
}

/** The addresses in a variable that tells a program where to listen, lists included (`ASPNETCORE_URLS`). */
export function variableBound(name: string, value: unknown, path: Path): Bound[] {
  if (typeof value !== "string" || !LISTENER_VARIABLE.test(name) || NO_LISTENER.test(name)) return [];
  return value.split(/[,;]/).flatMap((part) => {
    const found = hostAndPort(part);
    return found === undefined || found.host === "" ? [] : [{ ...found, path, said: `${name}=${value}` }];
  });
}

/** Listeners on the pod's address: `status.podIP` is its first one only. */
function judgePodAddress(
  words: readonly Word[],
  env: readonly Readonly<Record<string, unknown>>[],
): Remark[] {
  const fields = new Map(
    env.flatMap(({ name, valueFrom }) => {
      const field = at(valueFrom, ["fieldRef", "fieldPath"]);
      return /^status\.(podIP|hostIP)$/.test(String(field)) ? [[String(name), String(field)] as const] : [];
    }),
  );
  return words.flatMap(({ text, ...place }, index) => {
    const [, flag = words[index - 1]?.text ?? "", value = text] = /^(-[^=]+)=(.*)$/.exec(text) ?? [];
    const name = /^(?:\w+:\/\/)?\[?\$[({](\w+)[)}]\]?(?::\d+)?$/.exec(value)?.[1];
    const field = name === undefined ? undefined : fields.get(name);
    if (field === undefined || !flag.startsWith("-") || !LISTENER_FLAG.test(flag) || NO_LISTENER.test(flag))
      return [];
    return {
      code: "listens-one-family" as const,
      level: "warning" as const,
      ...place,
      message: `${text} is one address, the first (${field}): clients over the other family are refused`,
      next: `bind [::] or no host; where one address must be named, give a listener for each of ${field}s`,
    };
  });
}
