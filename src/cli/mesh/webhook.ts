/** The HTTPS server that the API server asks about new pods. */
import { createServer, type Server } from "node:https";
import { isIPv6 } from "node:net";
import { injectionHandler } from "../../controllers/mesh/index.ts";
import type { KeyPair } from "../../pki/issue.ts";

/** How long an idle connection of the API server is kept, in milliseconds. */
const KEEP_ALIVE = 60_000;

/** Listens on all addresses. @throws what listen(2) says */
export async function serveWebhook(
  listen: readonly string[],
  port: number,
  { certificate, key }: KeyPair,
  options: Parameters<typeof injectionHandler>[0],
): Promise<{ close(): void; setCertificate(next: KeyPair): void }> {
  const handler = injectionHandler(options);
  const servers: Server[] = [];
  const close = (): void => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  };
  try {
    for (const host of listen) {
      const server = createServer({ cert: certificate, key, keepAliveTimeout: KEEP_ALIVE }, handler);
      servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port, ipv6Only: isIPv6(host) }, resolve);
      });
    }
  } catch (error) {
    close();
    throw error;
  }
  const setCertificate = (next: KeyPair): void => {
    for (const server of servers) server.setSecureContext({ cert: next.certificate, key: next.key });
  };
  return { close, setCertificate };
}
