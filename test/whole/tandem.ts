/** Runs the `tandem` command as a user does, as root or as a plain user, with a state directory of its own. */
import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DEFAULT_NAME } from "../../src/cli/cluster.ts";
import { processOf as partOf } from "../../src/cli/scenarios/outside-places.ts";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { eventually } from "../controllers/cluster.ts";

/** The folder of the repository. */
export const ROOT = resolve(import.meta.dirname, "../..");
/** The command under test. */
export const TANDEM = join(ROOT, "bin/tandem");
const NOBODY = 65534;

/** Seconds that `tandem up` waits in tests, where they say nothing else: a busy machine may take longer than its default. */
const UP_TIMEOUT = "300";

/** A user to run as; undefined is whoever runs the tests. */
export interface User {
  readonly name: string;
  readonly uid?: number;
}

/** Whoever runs the tests, and an unprivileged user besides where that is root and the checkout is readable to all. */
export function users(): User[] {
  if (process.getuid?.() !== 0) return [{ name: "a plain user" }];
  const readable = spawnSync("setpriv", [...asNobody, "test", "-r", TANDEM]).status === 0;
  return [{ name: "root" }, ...(readable ? [{ name: "a plain user", uid: NOBODY }] : [])];
}

const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];

/** A folder of state of its own, and the command run with it. */
export interface Home {
  readonly path: string;
  readonly user: User;
  /** Runs `tandem` with these arguments to its end. */
  run(args: readonly string[], input?: string): SpawnSyncReturns<string>;
  /** The command and arguments to spawn it with. */
  command(args: readonly string[]): { file: string; args: string[]; env: NodeJS.ProcessEnv };
  remove(): void;
}

/** A state directory for one test, owned by the user. */
export function makeHome(user: User): Home {
  const path = mkdtempSync(join(tmpdir(), "tandem-test-"));
  chmodSync(path, 0o700);
  if (user.uid !== undefined) chownSync(path, user.uid, user.uid);
  const env = { ...process.env, TANDEM_HOME: path, HOME: path, KUBECONFIG: "" };
  const command = (given: readonly string[]) => {
    const args = given[0] === "up" ? ["up", "--timeout", UP_TIMEOUT, ...given.slice(1)] : [...given];
    return user.uid === undefined
      ? { file: TANDEM, args, env }
      : { file: "setpriv", args: [...asNobody, TANDEM, ...args], env };
  };
  return {
    path,
    user,
    command,
    run(args, input) {
      const it = command(args);
      return spawnSync(it.file, it.args, {
        env,
        encoding: "utf8",
        ...(input === undefined ? {} : { input }),
      });
    },
    remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
  };
}

/**
 * Waits in vain with more and more patience, until what came in time is all that can come: a busy machine takes longer.
 * @param run given the seconds of `--timeout`
 * @returns the last result
 */
export function withPatience<T>(run: (seconds: string) => T, isAll: (result: T) => boolean): T {
  let result = run(String(PATIENCES[0]));
  for (const seconds of PATIENCES.slice(1)) if (!isAll(result)) result = run(String(seconds));
  return result;
}

const PATIENCES: readonly number[] = [10, 40, 160];

/** The process of a part (`mesh`, `control-plane`) of the cluster that a test has to itself. */
export function processOf(home: Home, part: string): number | undefined {
  return partOf({ stateDir: join(home.path, DEFAULT_NAME) }, part);
}

/** Kills a part, and resolves when another process has taken its place. */
export async function replacePart(home: Home, part: string): Promise<void> {
  const pid = await eventually(
    async () => processOf(home, part),
    (found) => found !== undefined,
  );
  process.kill(pid as number, "SIGKILL");
  await eventually(
    async () => processOf(home, part),
    (found) => found !== undefined && found !== pid,
  );
}

/** A cluster that a test has to itself. */
export interface OwnCluster {
  readonly home: Home;
  /** The path that `tandem up` tells its user. */
  readonly kubeconfig: string;
  readonly client: KubeClient;
}

/** Brings a cluster up as whoever runs the tests, with flags of `tandem up` that may name files in its home. */
export async function upForTest(flags: (home: Home) => readonly string[]): Promise<OwnCluster> {
  const home = makeHome({ name: "whoever runs this" });
  const up = home.run(["up", ...flags(home)]);
  if (up.status !== 0) downAfterTest({ home });
  assert.equal(up.status, 0, up.stderr + up.stdout);
  const kubeconfig = /export KUBECONFIG=(\S+)/.exec(up.stderr)?.[1] ?? "";
  return { home, kubeconfig, client: new KubeClient(await loadKubeconfig(kubeconfig)) };
}

/** Takes it down, also where it never came up. */
export function downAfterTest({ home, client }: Partial<OwnCluster> = {}): void {
  client?.close();
  home?.run(["down"]);
  home?.remove();
}

/** Writes objects as a manifest to the home of a cluster; gives its path. */
export function manifestIn(home: Home, objects: unknown): string {
  const file = join(home.path, "objects.json");
  writeFileSync(file, JSON.stringify(objects));
  return file;
}

/**
 * The minor version of the kubectl on PATH, 0 where there is none: Debian has none in a version that speaks
 * WebSockets, so it is taken from PATH.
 */
export function kubectlMinor(): number {
  const version = spawnSync("kubectl", ["version", "--client", "-o", "json"], { encoding: "utf8" });
  return Number(/"minor": "(\d+)/.exec(version.stdout ?? "")?.[1] ?? 0);
}
