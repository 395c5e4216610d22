/** HAProxy and nginx from Debian, each with a configuration of its own on the loopback. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const ROOT = resolve(import.meta.dirname, "../..");
const PLACES = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", join(ROOT, ".tools/bin")];
const ATTEMPTS = 2400;
const PAUSE_MS = 25;

/** A program that scripts/setup-tools brings. */
export function toolPath(name: string): string {
  const found = PLACES.map((folder) => join(folder, name)).find((file) => existsSync(file));
  assert.ok(found, `there is no ${name} here; next: sh scripts/setup-tools ${name}`);
  return found;
}

/** nginx's module for TCP proxies: with the program that was unpacked, or with the one that is installed. */
function streamModule(): string {
  const unpacked = join(dirname(realpathSync(toolPath("nginx"))), "../debian/usr/lib/nginx/modules");
  const folder = existsSync(unpacked) ? unpacked : "/usr/lib/nginx/modules";
  return join(folder, "ngx_stream_module.so");
}

/** Another implementation, at work on loopback. */
export interface Peer {
  readonly pid: number;
  /** What it wrote so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts HAProxy and waits until its ports answer. */
export function startHaproxy(configuration: string, ports: readonly number[]): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-haproxy-"));
  const text = `global\n  log stdout format raw daemon\n  maxconn 4000\ndefaults\n  mode tcp\n  log global\n  timeout connect 60s\n  timeout client 60s\n  timeout server 60s\n${configuration}\n`;
  writeFileSync(join(folder, "haproxy.cfg"), text);
  return start(toolPath("haproxy"), ["-db", "-f", join(folder, "haproxy.cfg")], folder, ports);
}

/** Starts nginx as one process and waits until its ports answer. `configuration` is its `http` and `stream` blocks. */
export function startNginx(
  configuration: (folder: string) => string,
  ports: readonly number[],
): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-nginx-"));
  const text = `load_module ${streamModule()};\ndaemon off;\nmaster_process off;\npid ${folder}/pid;\nerror_log stderr info;\nevents { worker_connections 4000; }\n${configuration(folder)}\n`;
  writeFileSync(join(folder, "nginx.conf"), text);
  return start(
    toolPath("nginx"),
    ["-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")],
    folder,
    ports,
  );
}

/** What nginx's http block needs, to write below one folder alone. */
export function nginxFolders(folder: string): string {
  return ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(" ");
}

async function start(
  program: string,
  args: string[],
  folder: string,
  ports: readonly number[],
): Promise<Peer> {
  const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      log += chunk;
    });
  }
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    rmSync(folder, { recursive: true });
  };
  for (const port of ports) {
    for (let attempt = 0; !(await answers(port)); attempt++) {
      if (attempt === ATTEMPTS || child.exitCode !== null) {
        await stop();
        assert.fail(`${program} does not answer on port ${port}:\n${log}`);
      }
      await pause(PAUSE_MS);
    }
  }
  return { pid: child.pid as number, log: () => log, stop };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
