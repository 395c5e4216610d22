/** Files in ConfigMaps: what servers of well-known formats listen at. Pure. */
import type { Family } from "../../ip/family.ts";
import { judgeBound, PROGRAMS } from "./listening.ts";
import { asObject, type Path, type Remark } from "./model.ts";
import { judgeNginx } from "./nginx.ts";
import { variableBound } from "./pods.ts";
import { judgeVariable } from "./runtime.ts";
import { judgeNetworks } from "./networks.ts";

/** Judges the data of a ConfigMap, or the stringData of a Secret. */
export function judgeTexts(object: Readonly<Record<string, unknown>>, families: readonly Family[]): Remark[] {
  const field = object["kind"] === "Secret" ? "stringData" : "data";
  const name = String(asObject(object["metadata"])["name"]);
  return Object.entries(asObject(object[field])).flatMap(([key, value]) => {
    if (typeof value !== "string") return [];
    const path = [field, key];
    const variable = /^[A-Z][A-Z0-9_]+$/.test(key);
    return [
      ...(variable ? judgeBound(variableBound(key, value, path), undefined, families) : []),
      ...(variable && families.includes("IPv6") ? judgeVariable(key, value, path) : []),
      ...(families.includes("IPv6") ? judgeNetworks(key, value, path) : []),
      ...judgeFile(`${name}/${key}`, value, path, families),
    ];
  });
}

/** A line of a format that binds one family, and what to write. */
interface LineRule {
  readonly file: RegExp;
  readonly line: RegExp;
  readonly program: string;
  /** Where another line says that both are heard, or the text is of something else. */
  readonly unless?: RegExp;
  readonly next: string;
}

const LINES: readonly LineRule[] = [
  {
    file: /redis|valkey|sentinel/i,
    line: /^\s*bind\s+(?=.*\b0\.0\.0\.0)(?!.*(::|\*)).*$/,
    program: "redis",
    next: "bind * -::*",
  },
  { file: /redis|valkey|sentinel/i, line: /^\s*bind\s+::\s*$/, program: "redis", next: "bind * -::*" },
  {
    file: /postgres|pgsql|\.conf/i,
    line: /^\s*listen_addresses\s*=\s*'?\s*(0\.0\.0\.0|::)\s*'?/,
    program: "PostgreSQL",
    next: "listen_addresses = '*'",
  },
  {
    file: /my|maria|\.cnf/i,
    line: /^\s*bind[-_]address\s*=\s*0\.0\.0\.0/,
    program: "MySQL",
    next: "bind-address = *",
  },
  {
    file: /fpm|www\.conf|php/i,
    line: /^\s*listen\s*=\s*0\.0\.0\.0:\d+/,
    program: "php-fpm",
    next: "listen = {port} (both families)",
  },
  {
    file: /haproxy/i,
    line: /^\s*bind\s+(\*|0\.0\.0\.0)?:\d+(?!.*(:::|\[::\]))/,
    program: "HAProxy",
    unless: /^\s*bind\s+.*(:::|\[::\]:)\d+/m,
    next: "bind :::{port} v4v6",
  },
  {
    file: /mongo/i,
    line: /^\s*bindIp(All)?\s*:\s*(["']?0\.0\.0\.0|true)/,
    program: "MongoDB",
    unless: /^\s*ipv6\s*:\s*true/m,
    next: "net.ipv6: true and net.bindIpAll: true",
  },
  {
    file: /httpd|apache|ports\.conf/i,
    line: /^\s*Listen\s+0\.0\.0\.0:\d+/,
    program: "Apache httpd",
    unless: /^\s*Listen\s+\[::\]/m,
    next: "Listen {port} (both families)",
  },
];

function judgeFile(name: string, text: string, path: Path, families: readonly Family[]): Remark[] {
  const found = LINES.filter(({ file, unless }) => file.test(name) && !unless?.test(text));
  const lines = text.split("\n");
  return [
    ...found.flatMap((rule) =>
      lines.flatMap((line, index) => judgeLine(rule, line, { path, index }, families)),
    ),
    ...judgeNginx(text, path, families),
    ...judgeHba(lines, path, families),
    ...(families.includes("IPv6") ? judgeCorefile(lines, path) : []),
  ];
}

function judgeLine(
  { line: pattern, program, next }: LineRule,
  line: string,
  { path, index }: { path: Path; index: number },
  families: readonly Family[],
): Remark[] {
  if (!pattern.test(line)) return [];
  const heard: Family =
    /::/.test(line) && !/0\.0\.0\.0/.test(line) && programs6.has(program) ? "IPv6" : "IPv4";
  if (families.every((family) => family === heard)) return [];
  const message = `${JSON.stringify(line.trim())}: ${program} hears ${heard} alone`;
  const port = /:(\d+)/.exec(line)?.[1] ?? "80";
  const remark = { code: "listens-one-family", level: "warning", path, textLine: index, message } as const;
  return [{ ...remark, next: next.replace("{port}", port) }];
}

const programs6 = new Set(PROGRAMS.filter(({ v6Only }) => v6Only).map(({ name }) => name));

/** pg_hba.conf: `0.0.0.0/0` is no client of IPv6. */
function judgeHba(lines: readonly string[], path: Path, families: readonly Family[]): Remark[] {
  const hosts = lines.map(
    (line) => /^\s*host(?:ssl|nossl|gssenc|nogssenc)?\s+\S+\s+\S+\s+(\S+)/.exec(line)?.[1],
  );
  const index = hosts.indexOf("0.0.0.0/0");
  const other = hosts.some(
    (host) => host === "all" || (host?.includes(":") === true && !host.startsWith("::1")),
  );
  if (index < 0 || other || !families.includes("IPv6")) return [];
  return [
    {
      code: "policy-one-family",
      level: "warning",
      path,
      textLine: index,
      message:
        'pg_hba lets all of IPv4 in (0.0.0.0/0) and no IPv6 client: PostgreSQL answers them with "no pg_hba.conf entry"',
      next: "a second line with ::/0, or the word all in the place of the address",
    },
  ];
}

/** CoreDNS: templates that answer AAAA with nothing, and reverse zones of one family. */
function judgeCorefile(lines: readonly string[], path: Path): Remark[] {
  return lines.flatMap((line, textLine): Remark[] => {
    if (
      /^\s*template\s+(IN|ANY)\s+AAAA\b/.test(line) &&
      lines.slice(textLine, textLine + 4).some((next) => /^\s*rcode\b/.test(next))
    )
      return [
        {
          code: "aaaa-withheld",
          level: "warning",
          path,
          textLine,
          message: "CoreDNS answers AAAA with nothing: clients never learn an IPv6 address",
          next: "take the template away, or let it match only names that have no IPv6",
        },
      ];
    if (/^\s*kubernetes\s+.*\bin-addr\.arpa\b/.test(line) && !/\bip6\.arpa\b/.test(line))
      return [
        {
          code: "aaaa-withheld",
          level: "note",
          path,
          textLine,
          message: "the names of IPv6 addresses (PTR) are not answered",
          next: "kubernetes cluster.local in-addr.arpa ip6.arpa",
        },
      ];
    return [];
  });
}
