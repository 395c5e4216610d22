import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before } from "node:test";
import { type ApiServer, type ApiServerOptions, startApiServer } from "../../src/apiserver/index.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import type { AnyObject } from "../../src/objects/types.ts";

/** What a request was answered with. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: answers are read by path
  readonly body: any;
  readonly text: string;
}

/** What a request has beyond its method and path. */
export interface CallOptions {
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
  /** "" for none; the administrator's when left out. */
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

/** A watch under way: its events, as they come. */
export interface Watching {
  readonly events: { readonly type: string; readonly object: AnyObject }[];
  /** Waits until so many events have come. */
  count(wanted: number): Promise<void>;
  /** Waits until the server ends it. */
  readonly ended: Promise<void>;
  stop(): void;
}

/** Talks to one server over HTTPS. */
export class TestClient {
  readonly server: ApiServer;
  readonly #agent: Agent;

  constructor(server: ApiServer) {
    this.server = server;
    this.#agent = new Agent({ keepAlive: true, ca: server.ca });
  }

  call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { body, type = "application/json", accept = "application/json" } = options;
    const isRaw = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
    const data = isRaw ? body : JSON.stringify(body);
    const entity =
      data === undefined ? {} : { "content-type": type, "content-length": String(Buffer.byteLength(data)) };
    const headers = { ...this.#headers(options), accept, ...entity };
    return new Promise((resolve, reject) => {
      const call = request(
        this.server.urls[0] + path,
        { method, agent: this.#agent, headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString("utf8");
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              body: parsed(text),
            });
          });
          response.on("error", reject);
        },
      );
      call.on("error", reject);
      call.end(data);
    });
  }

  get(path: string, options?: CallOptions): Promise<Answer> {
    return this.call("GET", path, options);
  }

  post(path: string, body: unknown, options?: CallOptions): Promise<Answer> {
    return this.call("POST", path, { body, ...options });
  }

  put(path: string, body: unknown): Promise<Answer> {
    return this.call("PUT", path, { body });
  }

  /** A merge patch. */
  patch(path: string, body: unknown, type = "application/merge-patch+json"): Promise<Answer> {
    return this.call("PATCH", path, { body, type });
  }

  delete(path: string, body?: unknown): Promise<Answer> {
    return this.call("DELETE", path, body === undefined ? {} : { body });
  }

  /** Starts a watch; resolves when the server has answered. */
  watch(path: string, options: CallOptions = {}): Promise<Watching> {
    const headers = { ...this.#headers(options), accept: options.accept ?? "application/json" };
    return new Promise((resolve, reject) => {
      const call = request(
        this.server.urls[0] + path,
        { agent: false, ca: this.server.ca, headers },
        (response) => {
          if (response.statusCode !== 200) reject(new Error(`watch: ${response.statusCode}`));
          resolve(watching(response, () => call.destroy()));
        },
      );
      call.on("error", reject);
      call.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #headers({ token = this.server.token, headers = {} }: CallOptions): Record<string, string> {
    return token === "" ? headers : { authorization: `Bearer ${token}`, ...headers };
  }
}

function watching(response: NodeJS.ReadableStream, stop: () => void): Watching {
  const events: Watching["events"] = [];
  let wake = (): void => {};
  let rest = "";
  response.setEncoding("utf8");
  response.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    events.push(...lines.map((line) => JSON.parse(line)));
    wake();
  });
  const ended = new Promise<void>((resolve) => {
    response.on("close", resolve);
    response.on("error", () => resolve());
  });
  const count = async (wanted: number): Promise<void> => {
    while (events.length < wanted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { events, count, ended, stop };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Starts a server with a directory of its own; `undo` ends it and removes the directory. */
export async function startTestServer(
  options: Partial<ApiServerOptions> = {},
): Promise<{ client: TestClient; undo: () => Promise<void> }> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "tandem-api-"));
  const server = await startApiServer({
    dataDir,
    storage: "memory",
    serviceClusterIPRanges: [parseCidr("10.96.0.0/16")!, parseCidr("fd00:10:96::/112")!],
    listeners: [{ host: "127.0.0.1", port: 0 }],
    advertiseAddresses: ["172.18.0.1"],
    ...options,
  });
  const client = new TestClient(server);
  const undo = async (): Promise<void> => {
    client.close();
    await server.close();
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  return { client, undo };
}

/** A server for all tests of a file, prepared before the first one; read `client` inside of tests only. */
export function useServer(
  options: Partial<ApiServerOptions> = {},
  prepare: (client: TestClient) => Promise<void> = async () => {},
): { readonly client: TestClient } {
  const held: { client?: TestClient; undo?: () => Promise<void> } = {};
  before(async () => {
    Object.assign(held, await startTestServer(options));
    await prepare(held.client!);
  });
  after(() => held.undo?.());
  return held as { readonly client: TestClient };
}

let namespaces = 0;

/** Makes a namespace of its own for a test; gives the paths of collections in it. */
export async function newNamespace(
  client: TestClient,
): Promise<{ name: string; core: (plural: string) => string; apps: (plural: string) => string }> {
  const name = `test-${++namespaces}`;
  await client.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  return {
    name,
    core: (plural) => `/api/v1/namespaces/${name}/${plural}`,
    apps: (plural) => `/apis/apps/v1/namespaces/${name}/${plural}`,
  };
}

/** A ConfigMap. */
export function configMap(name: string, more: object = {}, metadata: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data: { a: "1" }, ...more };
}

/** Runs a program to its end without blocking this process, which the server runs in. */
export function runBeside(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const texts = [text(child.stdout), text(child.stderr)] as const;
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", async (code) => resolve({ code, out: await texts[0], err: await texts[1] }));
  });
}
