/** Configurations of nginx: `listen 80` is IPv4 alone, and `listen [::]:80` IPv6 alone (ipv6only=on is the default). Pure. */
import { FAMILIES, type Family } from "../../ip/family.ts";
import type { Path, Remark } from "./model.ts";

interface Listen {
  readonly port: string;
  readonly heard: readonly Family[];
  readonly textLine: number;
  readonly said: string;
}

/** Judges each `server` block of a text; texts without are none of nginx's. */
export function judgeNginx(text: string, path: Path, families: readonly Family[]): Remark[] {
  return serversOf(text).flatMap((server) => {
    const ports = Map.groupBy(server.listens, ({ port }) => port);
    return [...ports.values()].flatMap((listens) => {
      const heard = new Set(listens.flatMap((one) => one.heard));
      const missing = families.filter((family) => !heard.has(family));
      const [first] = listens;
      if (first === undefined || heard.size === 0 || missing.length === 0) return [];
      const message = `nginx: ${first.said} hears ${[...heard].join(" and ")} alone`;
      const port = first.port;
      const next = missing.includes("IPv6")
        ? `listen [::]:${port}; beside it`
        : `listen ${port}; beside it (or [::]:${port} ipv6only=off)`;
      return {
        code: "listens-one-family" as const,
        level: "warning" as const,
        path,
        textLine: first.textLine,
        message,
        next,
      };
    });
  });
}

interface Server {
  readonly listens: Listen[];
}

/** Blocks `server { … }`, by braces; comments are passed over. */
function serversOf(text: string): Server[] {
  const servers: Server[] = [];
  let depth = 0;
  let current: { server: Server; depth: number; from: number } | undefined;
  for (const [textLine, raw] of text.split("\n").entries()) {
    // variables of templates: ${PORT}
    const line = raw.replace(/(^|\s)#.*$/, "").replace(/\$\{(\w+)\}/g, "$$$1");
    if (current === undefined && /(^|[\s{;])server\s*\{/.test(line))
      current = { server: { listens: [] }, depth, from: textLine };
    if (current !== undefined)
      for (const [said, words = ""] of line.matchAll(/(?:^|[\s{;])listen\s+([^;{]+);/g)) {
        const listen = listenOf(words.trim(), said.trim().replace(/^[{;]\s*/, ""), textLine);
        if (listen !== undefined) current.server.listens.push(listen);
      }
    depth += count(line, "{") - count(line, "}");
    if (current !== undefined && depth <= current.depth && line.includes("}")) {
      servers.push(current.server);
      current = undefined;
    }
  }
  return servers;
}

function count(line: string, letter: string): number {
  // variables and templates: ${PORT}, {{ .Port }}
  return line.replace(/\$\{[^}]*\}|\{\{.*?\}\}/g, "").split(letter).length - 1;
}

function listenOf(words: string, said: string, textLine: number): Listen | undefined {
  const [address = "", ...options] = words.split(/\s+/);
  const v4 = /^(?:(?:\*|0\.0\.0\.0):)?(\d+|\$\{?\w+\}?)$/.exec(address)?.[1];
  if (v4 !== undefined || address === "0.0.0.0" || address === "*")
    return { port: v4 ?? "80", heard: ["IPv4"], textLine, said };
  const v6 = /^\[::\](?::(\d+|\$\{?\w+\}?))?$/.exec(address);
  if (v6 === null) return undefined;
  const heard: readonly Family[] = options.includes("ipv6only=off") ? FAMILIES : ["IPv6"];
  return { port: v6[1] ?? "80", heard, textLine, said };
}
