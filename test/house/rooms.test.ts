import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");
const SRC = join(ROOT, "src");

/**
 * Which rooms each room may use (ARCHITECTURE.md, "The rooms"). `ip` and `errors` are leaves without I/O that every
 * room may use; a room may always use itself.
 */
const LEAVES = ["ip", "errors"];
const ARROWS: Record<string, readonly string[]> = {
  ip: [],
  errors: [],
  pki: [],
  "proxy-protocol": [],
  objects: [],
  store: [],
  allocation: ["objects"],
  apiserver: ["objects", "store", "allocation", "pki"],
  client: ["objects"],
  controllers: ["objects", "client", "allocation", "traffic", "pki"],
  traffic: ["objects"],
  kernel: ["traffic"],
  envoy: ["traffic"],
  dns: ["traffic"],
  balancer: ["traffic"],
  lab: ["objects", "client", "proxy-protocol", "pki"],
  diagnosis: [
    "objects",
    "allocation",
    "client",
    "traffic",
    "kernel",
    "envoy",
    "dns",
    "balancer",
    "lab",
    "proxy-protocol",
  ],
  cli: ["*"],
};

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

function roomOf(file: string): string {
  return relative(SRC, file).split("/")[0] ?? "";
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const specifiers = [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)"(\.[^"]+)"/g)];
  return specifiers.map((match) => resolve(dirname(file), match[1] ?? ""));
}

test("every room is known, and every import follows the arrows", () => {
  const violations: string[] = [];
  for (const file of sourceFiles(SRC)) {
    const room = roomOf(file);
    const allowed = ARROWS[room];
    if (allowed === undefined) {
      violations.push(`${relative(ROOT, file)}: room ${room} is not in the table of arrows`);
      continue;
    }
    for (const target of importsOf(file)) {
      const other = roomOf(target);
      const leaf = LEAVES.includes(other) && !LEAVES.includes(room);
      if (
        !target.startsWith(SRC) ||
        other === room ||
        leaf ||
        allowed.includes("*") ||
        allowed.includes(other)
      )
        continue;
      violations.push(
        `${relative(ROOT, file)} imports ${relative(ROOT, target)}: ${room} may not use ${other}`,
      );
    }
  }
  assert.deepEqual(violations, []);
});

test("ARCHITECTURE.md has a row for every room, with what it may use", () => {
  const page = readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8");
  const rows = [...page.matchAll(/^\| `([\w-]+)\/` \|.*\| ([^|]*) \|$/gm)];
  const said = Object.fromEntries(rows.map(([, room = "", uses = ""]) => [room, uses]));
  assert.deepEqual(Object.keys(said).sort(), readdirSync(SRC).sort());
  const some = Object.entries(ARROWS).filter(([room]) => !/\ball\b/.test(said[room] ?? ""));
  assert.deepEqual(
    some.map(([room]) => [room, said[room]]),
    some.map(([room, uses]) => [room, uses.join(", ") || "–"]),
  );
});

test("the pure rooms do no I/O", () => {
  const edges =
    /import (.*) from "node:(fs|net|http|https|child_process|dgram|dns|tls|process)(\/promises)?"/g;
  // the grammar of addresses lives in node:net; objects/ reads its schema documents and its table of messages
  const pure = /^\{ (isIP(v[46])?(, )?)+ \}$/;
  const reading = /schema|documents|openapi|protobuf\/messages/;
  const violations = ["ip", "objects", "allocation", "traffic"]
    .flatMap((room) => sourceFiles(join(SRC, room)))
    .filter((file) => !reading.test(relative(ROOT, file)))
    .filter((file) =>
      [...readFileSync(file, "utf8").matchAll(edges)].some((match) => !pure.test(match[1] ?? "")),
    )
    .map((file) => relative(ROOT, file));
  assert.deepEqual(violations, []);
});

test("every export says what it is", () => {
  const exported = /^export (?:async |abstract )?(?:function|const|class|interface|type) (\w+)/;
  const silent = sourceFiles(SRC).flatMap((file) => {
    const lines = readFileSync(file, "utf8").split("\n");
    return lines.flatMap((line, index) => {
      const name = exported.exec(line)?.[1];
      const above = lines.slice(0, index).findLast((text) => !text.startsWith("// biome-ignore"));
      return name === undefined || above?.endsWith("*/") ? [] : [`${relative(ROOT, file)}: ${name}`];
    });
  });
  assert.deepEqual(silent, []);
});

test("no source file outgrows 500 lines", () => {
  const long = sourceFiles(SRC)
    .map((file) => [relative(ROOT, file), readFileSync(file, "utf8").split("\n").length] as const)
    .filter(([, lines]) => lines > 500);
  assert.deepEqual(long, []);
});

test("the repository names no registry, and no path of one machine", () => {
  const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
  assert.ok(
    !lock.includes('"resolved"'),
    "package-lock.json: write it with --omit-lockfile-registry-resolved",
  );
  const suspicious = new RegExp(["/wor", "k/|/roo", "t/"].join(""));
  const violations = [
    ...sourceFiles(SRC),
    ...sourceFiles(join(ROOT, "test")),
    ...sourceFiles(join(ROOT, "bench")),
  ]
    .filter((file) => suspicious.test(readFileSync(file, "utf8")))
    .map((file) => relative(ROOT, file));
  assert.deepEqual(violations, []);
});
