import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const RELAY = fileURLToPath(new URL(`./relay${extname(import.meta.filename)}`, import.meta.url));

/** Dials ports of a pod's loopback from outside its network namespace, through one relay process in it. */
export class PodDialer {
  // the lab's own /run is in memory and goes with the lab, however that ends
  readonly #folder = mkdtempSync("/run/tandem-forward-");
  readonly #relay: ChildProcess;
  readonly #ready: Promise<void>;
  readonly #sockets = new Set<Socket>();

  /** `first` is the loopback address to try first: that of the pod's primary family. */
  constructor(sandboxPid: number, first: "127.0.0.1" | "::1") {
    const node = [
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      "--max-semi-space-size=2",
      RELAY,
    ];
    this.#relay = spawn("nsenter", [`--target=${sandboxPid}`, "--net", "--", ...node, this.#path, first], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#relay.stdin?.on("error", () => {});
    this.#ready = new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error("the pod's network cannot be entered: its relay has ended"));
      this.#relay.stdout?.once("data", () => resolve());
      this.#relay.once("error", fail).once("exit", fail);
    });
    this.#ready.catch(() => {}); // told to those who dial
  }

  get #path(): string {
    return join(this.#folder, "relay");
  }

  /** A connection to a port of the pod. @throws Error that says why there is none, for both families */
  async dial(port: number): Promise<Socket> {
    await this.#ready;
    const socket = connect({ path: this.#path, allowHalfOpen: true });
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.write(`${port}\n`);
    const refusal = await firstLine(socket);
    if (refusal === "") return socket;
    socket.destroy();
    throw new Error(refusal);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#relay.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Reads up to the first line end; what follows stays in the socket, which is paused. */
function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(10);
      if (end < 0) return;
      socket.off("data", onData).off("error", reject).off("close", onClose).pause();
      if (head.length > end + 1) socket.unshift(head.subarray(end + 1));
      resolve(head.toString("utf8", 0, end));
    };
    const onClose = (): void => reject(new Error("the pod's relay has ended"));
    socket.on("data", onData).once("error", reject).once("close", onClose);
  });
}
