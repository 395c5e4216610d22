/** Which families programs hear at the address that they are told to bind, as far as is known of them. Pure. */
import { FAMILIES, type Family, otherFamily } from "../../ip/family.ts";
import type { Path, Remark } from "./model.ts";

/** What is known of a kind of program. */
export interface Program {
  readonly name: string;
  /** Its command, without folders. */
  readonly command: RegExp;
  /** The last parts of its images, without tag. */
  readonly image: RegExp;
  /** 0.0.0.0 is taken for "every address": Go's net, Java's channels. */
  readonly wildcardIsBoth?: true;
  /** Its sockets on `::` get IPV6_V6ONLY. */
  readonly v6Only?: true;
  /** `:8000` without a host is 0.0.0.0 to it. */
  readonly emptyIsIPv4?: true;
  readonly fix: string;
}

const NEVER = /^\b$/;

/** In the order in which they are looked for: `python -m uvicorn` is uvicorn. */
export const PROGRAMS: readonly Program[] = [
  program(
    "uvicorn",
    { v6Only: true },
    "--host '' (an empty host is both families; --host :: would be IPv6 alone)",
  ),
  program("hypercorn", {}, "--bind '[::]:{port}'"),
  program("gunicorn", { emptyIsIPv4: true }, "--bind '[::]:{port}'"),
  program("flask", {}, "--host ::"),
  { ...program("Django", {}, "runserver '[::]:{port}'"), command: /^(manage\.py|django-admin)$/ },
  program("streamlit", { v6Only: true }, "leave --server.address out: it hears both families then"),
  program(
    "Jupyter",
    { v6Only: true },
    "--ip='' (an empty address is both families)",
    /^(jupyter[\w-]*|start-notebook\.(sh|py))$/,
    /(^|\/)jupyter\//,
  ),
  program(
    "redis",
    { v6Only: true },
    "bind * -::*",
    /^(redis|valkey)-server$/,
    /(^|\/)(redis|valkey)[\w.-]*$/,
  ),
  program(
    "PostgreSQL",
    { v6Only: true },
    "listen_addresses = '*'",
    /^postgres$/,
    /(^|\/)(postgres|postgresql|postgis)$/,
  ),
  program("MySQL", {}, "bind-address = *", /^(mysqld|mariadbd)$/, /(^|\/)(mysql|mariadb|percona)$/),
  program("MongoDB", {}, "--bind_ip_all --ipv6", /^mongo[ds]$/, /(^|\/)mongo(db)?$/),
  program("memcached", { v6Only: true }, "leave -l out: it hears both families then"),
  program("php", {}, "php -S '[::]:{port}'", /^php$/),
  program(".NET", {}, "http://+:{port}", /^dotnet$/, /(^|\/)(dotnet\/.*|aspnet)$/),
  program(
    "Node.js",
    {},
    "leave the host out, or give ::",
    /^(node|npm|npx|yarn|pnpm|next|vite|ts-node|nodejs)$/,
    /(^|\/)node$/,
  ),
  program(
    "Ruby",
    {},
    "bind tcp://[::]:{port} (rails server -b ::)",
    /^(rails|puma|rackup|bundle|ruby|thin|unicorn)$/,
  ),
  program("Python", {}, "bind :: with IPV6_V6ONLY off, or both addresses", /^python[\d.]*$/, /(^|\/)python$/),
  program(
    "Java",
    { wildcardIsBoth: true },
    "",
    /^java$/,
    /(^|\/)([\w-]*(jdk|jre|kafka|zookeeper|elasticsearch|opensearch|cassandra|keycloak|tomcat|jetty|solr|jenkins|neo4j|logstash|flink|spark|temurin|corretto|activemq)[\w-]*)$/,
  ),
  program(
    "Go",
    { wildcardIsBoth: true },
    "",
    /^(kube-[\w-]+|kubelet|kubectl|etcd|coredns|prometheus[\w-]*|alertmanager|[\w-]+_exporter|node-exporter|traefik|caddy|grafana[\w-]*|loki|tempo|mimir|thanos|otelcol[\w-]*|jaeger[\w-]*|consul|vault|nomad|minio|nats-server|dex|argocd[\w-]*|istiod|pilot-\w+|cilium[\w-]*|calico[\w-]*|external-dns|metrics-server|manager|controller|speaker|gardener[\w-]*|gardenlet|envoy-gateway|nginx-ingress-controller)$/,
    /registry\.k8s\.io\/|k8s\.gcr\.io\/|(^|\/)(prom|prometheus|prometheus-operator|coreos|argoproj|jetstack|metallb|cilium|calico|brancz|grafana|hashicorp|minio|otel|jaegertracing|dexidp|oauth2-proxy|gardener-project)\/|(^|\/)(traefik|caddy|consul|vault|minio|registry|nats|influxdb|etcd|grafana|prometheus|alertmanager|cockroach|kubectl|[\w-]*exporter|[\w-]*-operator)$/,
  ),
];

function program(
  name: string,
  more: Partial<Program>,
  fix: string,
  command: RegExp = new RegExp(`^${name}$`),
  image: RegExp = NEVER,
): Program {
  return { name, command, image, fix, ...more };
}

/** The program that is run, as far as a command line and an image tell; undefined where they do not. */
export function programOf(words: readonly string[], image: string): Program | undefined {
  const commands = words.filter((word) => !word.startsWith("-")).map((word) => word.replace(/^.*\//, ""));
  const untagged = image.replace(/@.*$/, "").replace(/:[^/]*$/, "");
  return (
    PROGRAMS.find(({ command }) => commands.some((word) => command.test(word))) ??
    PROGRAMS.find((known) => known.image.test(untagged))
  );
}

/** An address that a program is told to listen at. */
export interface Bound {
  readonly host: string;
  readonly port: string;
  readonly path: Path;
  /** In a script of several lines, the line, from 0. */
  readonly textLine?: number;
  /** The flag, variable or word, as written. */
  readonly said: string;
  /** Written in the manner of Go's flags (`-addr=`), or a flag that only Go programs have. */
  readonly likelyGo?: boolean;
}

/** Takes an address apart: `0.0.0.0`, `[::]:80`, `tcp://0.0.0.0:80`, `:8000`; undefined for anything else. */
export function hostAndPort(text: string): { host: string; port: string } | undefined {
  const match = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(0\.0\.0\.0|\[::\]|::|)(?::(\d{1,5}|\$[\w({})]+))?\/?$/i.exec(
    text.trim(),
  );
  if (match === null || (match[1] === "" && match[2] === undefined)) return undefined;
  return { host: (match[1] ?? "").replace(/[[\]]/g, ""), port: match[2] ?? "" };
}

/** The families that are heard at an address; undefined where nothing can be said. */
export function heardAt(
  { host, likelyGo }: Bound,
  known: Program | undefined,
): readonly Family[] | undefined {
  if (host === "0.0.0.0")
    return known?.wildcardIsBoth || (known === undefined && likelyGo) ? FAMILIES : ["IPv4"];
  if (host === "::") return known?.v6Only ? ["IPv6"] : FAMILIES;
  if (host === "") return known?.emptyIsIPv4 ? ["IPv4"] : undefined;
  return undefined;
}

/** Judges the addresses of one program together: two sockets on a port may hear what one does not. */
export function judgeBound(
  bounds: readonly Bound[],
  known: Program | undefined,
  families: readonly Family[],
): Remark[] {
  return bounds.flatMap((bound) => {
    const heard = heardAt(bound, known);
    if (heard === undefined) return [];
    const beside = bounds.filter(({ port }) => port === bound.port || port === "" || bound.port === "");
    const all = new Set(beside.flatMap((one) => heardAt(one, known) ?? []));
    const missing = families.filter((family) => !all.has(family));
    if (missing.length === 0) return [];
    const [only = "IPv4"] = heard;
    return {
      code: "listens-one-family" as const,
      level: "warning" as const,
      path: bound.path,
      ...(bound.textLine === undefined ? {} : { textLine: bound.textLine }),
      message: `${bound.said} hears ${only} alone: ${refusal(known, otherFamily(only))}`,
      next: nextOf(known, bound.port),
    };
  });
}

function refusal(known: Program | undefined, other: Family): string {
  if (known !== undefined) return `${known.name} refuses clients over ${other}`;
  return `clients over ${other} are refused (a Go or Java program would hear both)`;
}

function nextOf(known: Program | undefined, port: string): string {
  if (known !== undefined && known.fix !== "")
    return known.fix.replace("{port}", port === "" ? "8000" : port);
  return `bind [::]${port === "" ? "" : `:${port}`}, or leave the host out where that means both`;
}
