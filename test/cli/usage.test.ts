import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { Command } from "commander";
import { COMMANDS } from "../../src/cli/commands.ts";
import { explainUsage } from "../../src/cli/usage.ts";
import { EXIT } from "../../src/errors/exit-codes.ts";
import { UserError, type UserErrorParts } from "../../src/errors/user-error.ts";

const TANDEM = join(import.meta.dirname, "../../bin/tandem");

/** What is wrong with a command line, which must not get as far as to be carried out. */
async function wrongOf(line: string): Promise<UserErrorParts> {
  const words = line.split(" ").filter((word) => word !== "");
  const program = new Command("tandem");
  for (const { load } of COMMANDS) program.addCommand((await load()).define());
  explainUsage(program, words);
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (error instanceof UserError) return error.parts;
    throw error;
  }
  return assert.fail(`nothing is wrong with tandem ${line}`);
}

for (const [line, what, where, why, next] of [
  [
    "balancer bogus",
    "tandem balancer",
    'argument "bogus"',
    "there is no such command",
    "its commands are plan, orphans, manifests; tandem balancer --help says what they do",
  ],
  [
    "mesh manifest",
    "tandem mesh",
    'argument "manifest"',
    "there is no such command",
    /^did you mean tandem mesh manifests\? /,
  ],
  [
    "gatway",
    "tandem",
    'argument "gatway"',
    "there is no such command",
    "did you mean tandem gateway? tandem --help lists them",
  ],
  [
    "check bogus",
    "tandem check",
    'argument "bogus"',
    "there is no such command",
    /^its commands are manifests, shoot, flags, envoy; /,
  ],
  ["up --bogus", "tandem up", "flag --bogus", "there is no such flag", "tandem up --help lists its flags"],
  [
    "matrix --nam=x",
    "tandem matrix",
    "flag --nam",
    "there is no such flag",
    /^did you mean --name\? tandem matrix --help/,
  ],
  [
    "gateway --nope",
    "tandem gateway",
    "flag --nope",
    "there is no such flag",
    "tandem gateway --help lists its flags",
  ],
  [
    "balancer plan --vpc-i x -f y",
    "tandem balancer plan",
    "flag --vpc-i",
    "there is no such flag",
    /^did you mean --vpc-id\?/,
  ],
  [
    "--name x up",
    "tandem",
    "flag --name",
    "there is no such flag",
    /^flags of a command come after its name; tandem --help/,
  ],
  [
    "lab exec deploy/web ls -l",
    "tandem lab exec",
    "flag -l",
    "there is no such flag",
    /; those of a program come after --: tandem lab exec /,
  ],
  [
    "gateway manifests",
    "tandem gateway manifests",
    "flag --image",
    "a flag is missing that it cannot do without",
    "give --image <image> (an image with tandem); tandem gateway manifests --help lists its flags",
  ],
  [
    "gateway --xds-port",
    "tandem gateway",
    "flag --xds-port",
    "the value of a flag is missing",
    /^give --xds-port <port> \(/,
  ],
  [
    "up --name --once",
    "tandem up",
    "flag --name",
    "the value of a flag is missing: --once is a flag itself",
    /^give --name <cluster> /,
  ],
  [
    "up -f -q",
    "tandem up",
    "flag --filename",
    "the value of a flag is missing: -q is a flag itself",
    /^give --filename <path> /,
  ],
  ["lab break", "tandem lab break", "argument <kind>", "an argument is missing", /tandem lab break /],
  [
    "proxy-config",
    "tandem proxy-config",
    "argument <kind>",
    "an argument is missing",
    /^listeners, clusters, .*tandem proxy-config/,
  ],
  [
    "down extra",
    "tandem down",
    'argument "extra"',
    "it takes no arguments",
    "leave it out: tandem down [options]",
  ],
  [
    "pc listeners pod more",
    "tandem proxy-config",
    'argument "more"',
    "it takes no more than 2, and this is one more",
    /^leave it out: /,
  ],
  [
    "apiserver --data-dir x --storage memry",
    "tandem apiserver",
    'flag --storage, value "memry"',
    "it is one of lmdb, memory",
    "did you mean memory? tandem apiserver --help",
  ],
  [
    "dns --cluster-domain a..b",
    "tandem dns",
    'flag --cluster-domain, value "a..b"',
    "it is no DNS domain, such as cluster.local",
    /^tandem dns --help/,
  ],
  [
    "gateway manifests --image x --cluster-domain a..b",
    "tandem gateway",
    'flag --cluster-domain, value "a..b"',
    "it is no DNS domain, such as cluster.local",
    /^tandem gateway --help/,
  ],
  [
    "mesh manifests --image x --cluster-domain a..b",
    "tandem mesh",
    'flag --cluster-domain, value "a..b"',
    "it is no DNS domain, such as cluster.local",
    /^tandem mesh --help/,
  ],
] as const) {
  test(`tandem ${line}: ${where}`, async () => {
    const parts = await wrongOf(line);
    const { what: _what, next: _next, ...rest } = parts;
    assert.equal(parts.what, `cannot run ${what}`);
    assert.deepEqual(rest, { where, why, exitCode: EXIT.usage });
    if (typeof next === "string") assert.equal(parts.next, next);
    else assert.match(parts.next ?? "", next);
  });
}

test("help and version are no errors, and help of what there is not is one", async () => {
  for (const [line, status, text] of [
    ["help up", 0, /--service-cluster-ip-range/],
    ["up --help", 0, /--service-cluster-ip-range/],
    ["lab", EXIT.usage, /^Usage: tandem lab /],
    ["--version", 0, /^\d+\.\d+\.\d+$/m],
    [
      "help gatway",
      EXIT.usage,
      /^tandem: cannot run tandem: there is no such command\n {2}where: argument "gatway"\n {2}next: did you mean tandem gateway\?/,
    ],
    [
      "up --bogus",
      EXIT.usage,
      /^tandem: cannot run tandem up: there is no such flag\n {2}where: flag --bogus\n {2}next: [^\n]*\n$/,
    ],
  ] as const) {
    const { stdout, stderr, ...ended } = spawnSync(TANDEM, line.split(" "), { encoding: "utf8" });
    assert.equal(ended.status, status, stderr);
    assert.match(status === 0 ? stdout : stderr, text);
    assert.equal(status === 0 ? stderr : stdout, "");
  }
});

test("help shows no empty list as a default", () => {
  const { stdout } = spawnSync(TANDEM, ["check", "manifests", "--help"], { encoding: "utf8" });
  assert.match(stdout, /--ignore <code>/);
  assert.doesNotMatch(stdout, /default:\s+\[\]/);
});
