/** Serves HTTPS on every family with a certificate of its own, and answers with the server name that was asked for. */
import { createServer } from "node:https";
import type { TLSSocket } from "node:tls";
import { createAuthority } from "../../src/pki/issue.ts";

const { certificate, key } = await createAuthority("tls-echo");
const server = createServer({ cert: certificate, key }, ({ socket }, response) =>
  response.end(`tls ${(socket as TLSSocket).servername || "without a name"}\n`),
);
server.listen(Number(process.argv[2]), "::");
process.on("SIGTERM", () => process.exit(0));
