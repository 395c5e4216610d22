/**
 * Runs inside a network namespace of a test: calls of the client as lines of JSON, `["create", KIND, object]`, and
 * answers as lines, `{"result"}` or `{"error"}`; `["http", URL]` asks any server. Usage: api-driver.ts KUBECONFIG
 */
import { createInterface } from "node:readline";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { type Kind, KINDS } from "../../src/objects/kinds.ts";
import { ApiError } from "../../src/objects/status.ts";

const client = new KubeClient(await loadKubeconfig(process.argv[2]));

async function http(url: string): Promise<unknown> {
  const response = await fetch(url);
  const headers = Object.fromEntries(response.headers);
  return { code: response.status, headers, body: await response.text() };
}

async function call([method = "", ...args]: unknown[]): Promise<unknown> {
  if (method === "http") return http(args[0] as string);
  const kinds: Record<string, Kind> = KINDS;
  const [kind, ...rest] = args;
  const methods = client as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (;;) {
    try {
      return await methods[method as string]?.(kinds[kind as string], ...rest);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50)); // the server is away
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await call(JSON.parse(line) as unknown[]).then(
    (result) => ({ result: result ?? null }),
    (error: Error) => ({ error: error.message }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
client.close();
