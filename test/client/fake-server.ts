import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeClient } from "../../src/client/index.ts";

/** Answers one request. */
export type Answer = (
  request: IncomingMessage & { path: string; query: URLSearchParams; text: string },
  response: ServerResponse,
) => void;

/** A plain HTTP server on loopback that answers as a test says, and a client of it. */
export async function fakeServer(
  answer: Answer,
): Promise<{ client: KubeClient; server: Server; url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://x");
      answer(Object.assign(request, { path: url.pathname, query: url.searchParams, text }), response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new KubeClient({ server: url, token: "secret" });
  const close = async (): Promise<void> => {
    client.close();
    server.closeAllConnections();
    await new Promise<unknown>((resolve) => server.close(resolve));
  };
  return { client, server, url, close };
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** A Status body of a failure. */
export function failure(code: number, reason: string, message: string): object {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", code, reason, message };
}
