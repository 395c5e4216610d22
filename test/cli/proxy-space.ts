/** An API server and a proxy in a network namespace of a test's own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Exec } from "../../src/kernel/index.ts";
import { createNamespace } from "../kernel/network.ts";

/** What users run: it also sets the memory that a process takes. */
const TANDEM = join(import.meta.dirname, "../../bin/tandem");
const DRIVER = join(import.meta.dirname, "api-driver.ts");

/** What the driver is asked: one call of the client, see api-driver.ts. */
export type Call = readonly [method: string, ...args: unknown[]];

/** A process of the namespace, with what it printed. */
class Running {
  readonly child: ChildProcess;
  output = "";
  #watchers: (() => void)[] = [];

  constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk.toString();
        for (const watcher of this.#watchers) watcher();
      });
    }
  }

  /** Resolves once the output matches; rejects when the process ends before. */
  says(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (pattern.test(this.output)) resolve();
      };
      this.#watchers.push(look);
      this.child.once("close", () => reject(new Error(`ended without ${pattern}: ${this.output}`)));
      look();
    });
  }

  /** Ends it by a signal; resolves with its exit code (null: killed). */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const closed = once(this.child, "close");
      this.child.kill(signal);
      await closed;
    }
    return this.child.exitCode;
  }
}

/** The namespace, its server, and a client in it. */
export class ProxySpace {
  readonly exec: Exec;
  readonly folder = mkdtempSync(join(tmpdir(), "tandem-proxy-"));
  readonly #space: Awaited<ReturnType<typeof createNamespace>>;
  #driver: ChildProcess | undefined;
  #answers: AsyncIterator<string> | undefined;
  readonly #running: Running[] = [];
  #server: Running | undefined;

  private constructor(space: Awaited<ReturnType<typeof createNamespace>>) {
    this.#space = space;
    this.exec = space.exec;
  }

  static async create(): Promise<ProxySpace> {
    const space = new ProxySpace(await createNamespace());
    await space.startServer();
    return space;
  }

  get kubeconfig(): string {
    return join(this.folder, "kubeconfig");
  }

  /** Starts the API server on the one port of this namespace, on what an earlier one left. */
  async startServer(): Promise<void> {
    this.#server = this.tandem("apiserver", "--data-dir", this.folder, "--secure-port", "6443");
    while (!existsSync(this.kubeconfig) || !readFileSync(this.kubeconfig, "utf8").includes("6443")) {
      if (this.#server.child.exitCode !== null) throw new Error(this.#server.output);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Kills the API server. */
  async killServer(): Promise<void> {
    await this.#server?.end("SIGKILL");
  }

  /** Runs a command of tandem in the namespace. */
  tandem(...args: string[]): Running {
    const [program = "", ...rest] = [...this.#space.prefix, TANDEM, ...args];
    const running = new Running(spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] }));
    this.#running.push(running);
    return running;
  }

  /** Starts a script with the kubeconfig and other arguments, its standard input and output at hand. */
  program(script: string, ...args: string[]): ChildProcess {
    const [program = "", ...rest] = [
      ...this.#space.prefix,
      process.execPath,
      script,
      this.kubeconfig,
      ...args,
    ];
    return spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });
  }

  /** The proxy of node-1, in force. */
  async proxy(...args: string[]): Promise<Running> {
    const running = this.tandem("proxy", "--kubeconfig", this.kubeconfig, "--node-name=node-1", ...args);
    await running.says(/are in force/);
    return running;
  }

  /** A call of the client; resolves with its result. Calls wait for a server that is not there yet. */
  async call<T>(...call: Call): Promise<T> {
    if (this.#driver === undefined) {
      this.#driver = this.program(DRIVER);
      this.#answers = createInterface({ input: this.#driver.stdout as NodeJS.ReadableStream })[
        Symbol.asyncIterator
      ]();
    }
    this.#driver.stdin?.write(`${JSON.stringify(call)}\n`);
    const line = await this.#answers?.next();
    const { result, error } = JSON.parse(line?.value ?? '{"error":"the driver ended"}');
    if (error !== undefined) throw new Error(error as string);
    return result as T;
  }

  async close(): Promise<void> {
    this.#driver?.stdin?.end();
    await Promise.all(this.#running.map((running) => running.end("SIGKILL")));
    await this.#space.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
