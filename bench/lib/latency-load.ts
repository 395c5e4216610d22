/** Load through pods `a` and `b` of a network. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Place, TestNetwork } from "../../test/kernel/network.ts";
import type { LoadResult, LoadSlice } from "./latency-agent.ts";

const AGENT = join(import.meta.dirname, "latency-agent.ts");
/** Little is collected as garbage then while requests are under way. */
const FLAGS = ["--max-semi-space-size=64"];

/** The load generator of a network: in pod `a`, with the server in pod `b`. */
export class Load {
  readonly #children: readonly ChildProcess[];
  readonly #sender: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(server: ChildProcess, sender: ChildProcess, answers: AsyncIterator<string>) {
    this.#children = [server, sender];
    this.#sender = sender;
    this.#answers = answers;
  }

  /** Starts both; the server has the port. */
  static async start(network: TestNetwork, port: number): Promise<Load> {
    const run = (place: Place, ...args: string[]) => {
      const command = [...network.enter(place), process.execPath, ...FLAGS, AGENT, ...args];
      const [program = "", ...rest] = command;
      const child = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });
      const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
      return { child, lines: lines[Symbol.asyncIterator]() };
    };
    const server = run("b", "serve", String(port));
    await server.lines.next();
    const sender = run("a", "load");
    return new Load(server.child, sender.child, sender.lines);
  }

  /** Sends a slice of load. @throws Error where the load generator has ended */
  async run(slice: LoadSlice): Promise<LoadResult> {
    this.#sender.stdin?.write(`${JSON.stringify(slice)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("the load generator has ended");
    return JSON.parse(value) as LoadResult;
  }

  close(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}
