import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { downAfterTest, type Home, kubectlMinor, type OwnCluster, ROOT, upForTest } from "./tandem.ts";

/**
 * A session of kubectl with what it printed: `golden/kubectl.txt` holds commands (`$ kubectl …`, run by sh in the
 * folder of the examples) and their output, with what varies masked. UPDATE_GOLDEN=1 writes it anew. What only reads is
 * asked again while controllers follow.
 */
const GOLDEN = join(import.meta.dirname, "golden/kubectl.txt");

/** Commands of it that change nothing. */
const READS = /^kubectl (get|describe|logs) /;
const TRIES = 300;

const minor = kubectlMinor();
const skip =
  minor >= 30 && minor <= 33
    ? false
    : "2026-11-21: recorded with kubectl 1.32; others word some lines otherwise, or are not on PATH";

/** Longest first: what a mask leaves must not be half of another. */
const MASKS: readonly [RegExp, string][] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UID"],
  [/\b(\w+)-[0-9a-f]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, "$1-HASH-RANDOM"],
  [/\b(web)-[0-9a-f]{8,10}\b/g, "$1-HASH"],
  [/pod-template-hash=\w+/g, "pod-template-hash=HASH"],
  [/\b(web|web-pods)-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, "$1-RANDOM"],
  [/\bfd00:10:96::[0-9a-f:]+/g, "SERVICE-IPV6"],
  [/\b10\.96\.\d+\.\d+/g, "SERVICE-IPV4"],
  [/\[?\bfd00:10:244:[0-9a-f:]*[0-9a-f](\]:\d+)?/g, "POD-IPV6"],
  [/\b10\.244\.\d+\.\d+(:\d+)?/g, "POD-IPV4"],
  // slices are described in the order of their random names
  [/^(Endpoints: +).*/gm, "$1FOUR"],
  [/:3\d{4}\//g, ":NODEPORT/"],
  [/ 3\d{4}\/(TCP|UDP)/g, " NODEPORT/$1"],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "TIME"],
  [/resourceVersion: "\d+"/g, 'resourceVersion: "N"'],
  [/\b(?:\d+m\d+s|\d+m|\d+(?:\.\d+)?m?s)\b/g, "AGE"],
  [/\bnode-\d\b/g, "NODE"],
];

/** Masks a text, and makes columns one space apart, since masked values have other widths. */
function masked(text: string): string {
  const plain = MASKS.reduce((current, [pattern, by]) => current.replace(pattern, by), text);
  return plain
    .split("\n")
    .map((line) => line.replace(/(\S) {2,}/g, "$1  ").trimEnd())
    .join("\n");
}

describe("a session of kubectl", { skip }, () => {
  let cluster: OwnCluster;
  let home: Home;
  let kubeconfig = "";

  before(async () => {
    cluster = await upForTest(() => []);
    ({ home, kubeconfig } = cluster);
  });

  after(() => downAfterTest(cluster));

  test("prints what it printed before", () => {
    const commands = [...readFileSync(GOLDEN, "utf8").matchAll(/^\$ (.*)$/gm)].map((match) => match[1] ?? "");
    assert.ok(commands.length > 20);
    const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: home.path };
    const run = (command: string): string => {
      const { stdout, stderr, status } = spawnSync("sh", ["-c", command], {
        cwd: join(ROOT, "examples"),
        env,
        encoding: "utf8",
      });
      const end = status === 0 ? "" : `(exit ${status})\n`;
      return `$ ${command}\n${masked(stdout + stderr)}${end}`;
    };
    const isUpdate = Boolean(process.env["UPDATE_GOLDEN"]);
    const golden = readFileSync(GOLDEN, "utf8");
    const session = commands.map((command) => {
      let said = run(command);
      const tries = READS.test(command) && !isUpdate ? TRIES : 0;
      for (let more = tries; more > 0 && !golden.includes(said); more--) said = run(command);
      return said;
    });
    const text = session.join("\n");
    if (isUpdate) writeFileSync(GOLDEN, text);
    assert.equal(text, golden);
  });
});
