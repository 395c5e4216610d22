/** A webhook on the loopback that answers as a test tells it to. */
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createAuthority, issueCertificate } from "../../src/pki/issue.ts";

/** What a webhook is asked. */
// biome-ignore lint/suspicious/noExplicitAny: reviews are read by path
export type Review = any;

type Answer = object | { raw: string } | "hang" | "close";

/** A webhook at work, with the reviews that it got. */
export interface TestWebhook {
  readonly port: number;
  /** In base64, as configurations have it. */
  readonly caBundle: string;
  /** Every request that came, in order. */
  readonly asked: Review[];
  /** The answer's response, without its uid; `raw` is sent as it is, `hang` is never answered, `close` ends the connection. */
  reply: (request: Review, path: string) => Answer | Promise<Answer>;
  url(path: string): string;
  close(): Promise<void>;
}

/** Its certificate is good for 127.0.0.1 and for the Service `hook` of the namespace `default`. */
export async function startWebhook(): Promise<TestWebhook> {
  const authority = await createAuthority("webhook-ca");
  const { certificate, key } = await issueCertificate(authority, {
    commonName: "webhook",
    subjectAltNames: ["IP:127.0.0.1", "DNS:hook.default.svc"],
    usages: ["serverAuth"],
    days: 1,
  });
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => void answer(JSON.parse(Buffer.concat(chunks).toString("utf8"))));
    const answer = async (review: Review): Promise<void> => {
      webhook.asked.push(review.request);
      const said = await webhook.reply(review.request, request.url ?? "");
      if (said === "hang") return;
      if (said === "close") return void request.socket.destroy();
      const { apiVersion, kind } = review;
      const full = { apiVersion, kind, response: { uid: review.request.uid, ...said } };
      response.end("raw" in said ? said.raw : JSON.stringify(full));
    };
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const webhook: TestWebhook = {
    port,
    caBundle: Buffer.from(authority.certificate).toString("base64"),
    asked: [],
    reply: () => ({ allowed: true }),
    url: (path) => `https://127.0.0.1:${port}${path}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return webhook;
}

/** A JSON patch as responses carry it. */
export function patchOf(...operations: object[]): object {
  const patch = Buffer.from(JSON.stringify(operations)).toString("base64");
  return { allowed: true, patchType: "JSONPatch", patch };
}
