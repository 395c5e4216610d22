/**
 * HAProxy and nginx as both sides of the PROXY protocol. What they do with headers that are not right is theirs; what is
 * asserted of malformed ones is what we do.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import {
  type AcceptedProxyHeader,
  acceptProxyHeader,
  encodeV1,
  encodeV2,
  inetConnection,
  ProxyHeaderRefused,
  type ProxyVersion,
  trustedSenders,
} from "../../src/proxy-protocol/index.ts";
import { freePort } from "../envoy/ads-envoy.ts";
import { nginxFolders, type Peer, startHaproxy, startNginx } from "./peers.ts";

const CLIENTS = [
  inetConnection("TCP", { address: "2001:db8::1", port: 4001 }, { address: "2001:db8::2", port: 80 }),
  inetConnection("TCP", { address: "192.0.2.1", port: 4002 }, { address: "192.0.2.2", port: 80 }),
];
const HOSTS = ["127.0.0.1", "::1"];
const running: Peer[] = [];
const open: Server[] = [];
after(async () => {
  for (const server of open) server.close();
  for (const peer of running) await peer.stop();
});

/** Sends bytes at once, reads until the peer closes. A reset reads as `reset`. */
async function exchange(port: number, host: string, bytes: Uint8Array): Promise<string> {
  const socket = connect(port, host);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.end(bytes);
  const closed = new Promise<string>((resolve) => {
    socket.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "ECONNRESET" ? "reset" : error.message),
    );
    socket.once("close", () => resolve(""));
  });
  return (await closed) || Buffer.concat(chunks).toString();
}

interface Receiver {
  readonly port: number;
  /** Headers accepted and refusals, in the order of their connections. */
  next(): Promise<AcceptedProxyHeader>;
}

/** A server of ours that reads headers of one version, and answers `ok` behind them. */
async function startReceiver(version: ProxyVersion): Promise<Receiver> {
  const queue: Promise<AcceptedProxyHeader>[] = [];
  const waiting: ((header: Promise<AcceptedProxyHeader>) => void)[] = [];
  const trusted = trustedSenders(["127.0.0.0/8", "::1"]);
  const server = createServer((socket) => {
    const header = acceptProxyHeader(socket, { version, trusted, timeoutMs: 10_000 });
    header.then(
      ({ rest }) => {
        socket.on("error", () => {});
        socket.unshift(rest);
        socket.resume().end("ok\n");
      },
      () => {},
    );
    const taker = waiting.shift();
    if (taker) taker(header);
    else queue.push(header);
  });
  open.push(server);
  server.listen(0, "::");
  await once(server, "listening");
  const next = () => queue.shift() ?? new Promise<AcceptedProxyHeader>((resolve) => waiting.push(resolve));
  return { port: (server.address() as AddressInfo).port, next };
}

describe("our headers", () => {
  it("tell HAProxy who the client is", async () => {
    const [port, guarded] = [await freePort(), await freePort()];
    const answer = (name: string, bind: string, more: string) => `
frontend ${name}
  mode http
  timeout http-request 10s
  bind ${bind}
  ${more}
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port] [%[fc_pp_authority]] [%[fc_pp_unique_id,hex]]\\n"`;
    const peer = await startHaproxy(
      answer("all", `:::${port} v4v6 accept-proxy`, "") +
        answer(
          "some",
          `:::${guarded} v4v6`,
          "tcp-request connection expect-proxy layer4 if { src 127.0.0.1 }",
        ),
      [port, guarded],
    );
    running.push(peer);
    const request = Buffer.from("GET / HTTP/1.0\r\n\r\n");
    for (const host of HOSTS) {
      for (const client of CLIENTS) {
        const { source, destination } = client;
        const who = `${source.address} ${source.port} ${destination.address} ${destination.port}`;
        const first = await exchange(port, host, Buffer.concat([encodeV1(client), request]));
        assert.match(first, new RegExp(`${who} \\[\\] \\[\\]\n$`));
        const options = { checksum: true, authority: "a.example", uniqueId: Uint8Array.of(1, 2), padTo: 200 };
        const second = await exchange(port, host, Buffer.concat([encodeV2(client, options), request]));
        assert.match(second, new RegExp(`${who} \\[a\\.example\\] \\[0102\\]\n$`));
      }
      const local = await exchange(port, host, Buffer.concat([encodeV2({ kind: "local" }), request]));
      assert.match(local, new RegExp(`\n(::ffff:)?${host} `));
    }
    const trusted = await exchange(guarded, "127.0.0.1", Buffer.concat([encodeV2(CLIENTS[0]!), request]));
    assert.match(trusted, /2001:db8::1 4001/);
    const stranger = await exchange(guarded, "::1", Buffer.concat([encodeV2(CLIENTS[0]!), request]));
    assert.doesNotMatch(stranger, /2001:db8::1/);
  });

  it("tell nginx who the client is, over HTTP and over its stream module", async () => {
    const [http, stream] = [await freePort(), await freePort()];
    const peer = await startNginx(
      (folder) => `
http {
  access_log off; ${nginxFolders(folder)}
  server {
    listen 127.0.0.1:${http} proxy_protocol; listen [::1]:${http} proxy_protocol;
    location / { default_type text/plain; return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port\n"; }
  }
}
stream { server { listen 127.0.0.1:${stream} proxy_protocol; listen [::1]:${stream} proxy_protocol; return "$proxy_protocol_addr\n"; } }`,
      [http, stream],
    );
    running.push(peer);
    const request = Buffer.from("GET / HTTP/1.0\r\n\r\n");
    for (const host of HOSTS) {
      for (const client of CLIENTS) {
        const { source, destination } = client;
        const who = `${source.address} ${source.port} ${destination.address} ${destination.port}\n`;
        for (const header of [encodeV1(client), encodeV2(client, { checksum: true, alpn: "h2" })]) {
          const answer = await exchange(http, host, Buffer.concat([header, request]));
          assert.ok(answer.endsWith(who), answer);
          assert.equal(await exchange(stream, host, header), `${source.address}\n`);
        }
      }
      const local = await exchange(http, host, Buffer.concat([encodeV2({ kind: "local" }), request]));
      assert.match(local, /^HTTP\/1\.1 200/);
    }
  });
});

/** Dials a proxy and waits for what the receiver behind it made of the header. */
async function through(port: number, host: string, { next }: Receiver) {
  const header = next();
  const client = connect(port, host).on("error", () => {});
  await once(client, "connect");
  client.write("hello");
  const [answer] = await once(client, "data");
  assert.equal(String(answer), "ok\n");
  const end = { address: host, port: client.localPort as number };
  client.destroy();
  return { header: await header, client: end, bound: { address: host, port } };
}

function selfSigned(): { pem: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "tandem-pem-"));
  const [key, certificate] = [join(folder, "key"), join(folder, "crt")];
  const subject = ["-subj", "/CN=front.example", "-days", "2", "-nodes"];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-keyout", key, "-out", certificate, ...subject],
    { stdio: "ignore" },
  );
  const pem = join(folder, "pem");
  writeFileSync(pem, readFileSync(certificate, "utf8") + readFileSync(key, "utf8"));
  return { pem, remove: () => rmSync(folder, { recursive: true }) };
}

describe("headers from HAProxy", () => {
  it("are read in every form that it sends: v1, v2, with checksum and unique id; both families on one bind", async () => {
    const [one, two] = [await startReceiver(1), await startReceiver(2)];
    const forms = [
      ["send-proxy", one, {}, false],
      ["send-proxy-v2", two, {}, false],
      [
        "send-proxy-v2 proxy-v2-options crc32c,unique-id",
        two,
        { uniqueId: Uint8Array.from(Buffer.from("id-7")) },
        true,
      ],
    ] as const;
    const ports = await Promise.all(forms.map(() => freePort()));
    const configuration = forms.map(
      ([options, { port }], index) =>
        `listen form${index}\n  bind :::${ports[index]} v4v6\n  unique-id-format id-7\n  server s 127.0.0.1:${port} ${options}`,
    );
    // the probe of startHaproxy reaches the receivers, too: it looks at one port more, which has no receiver
    const probe = await freePort();
    const quiet = `frontend quiet\n  bind :::${probe} v4v6\n`;
    running.push(await startHaproxy([...configuration, quiet].join("\n"), [probe]));
    for (const [index, [, receiver, attributes, checksummed]] of forms.entries()) {
      for (const host of HOSTS) {
        const { header, client, bound } = await through(ports[index] as number, host, receiver);
        assert.deepEqual([header.source, header.destination], [client, bound]);
        assert.deepEqual(header.tlvs, attributes);
        assert.equal(header.header.checksummed, checksummed);
        const { proxied } = header.header;
        assert.equal(proxied.kind === "inet" && proxied.family, host === "::1" ? "IPv6" : "IPv4");
      }
    }
  });

  it("tell of the client's TLS", async () => {
    const receiver = await startReceiver(2);
    const { pem, remove } = selfSigned();
    const port = await freePort();
    const probe = await freePort();
    running.push(
      await startHaproxy(
        `frontend quiet\n  bind :::${probe} v4v6\nlisten tls\n  bind :::${port} v4v6 ssl crt ${pem} alpn h2\n  server s 127.0.0.1:${receiver.port} send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c`,
        [probe],
      ),
    );
    remove();
    const header = receiver.next();
    const tls = connectTls({
      port,
      host: "::1",
      servername: "web.example",
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
    });
    tls.on("error", () => {});
    await once(tls, "secureConnect");
    const { tlvs } = await header;
    assert.equal(tlvs.alpn, "h2");
    assert.equal(tlvs.authority, "web.example");
    assert.deepEqual(tlvs.ssl, {
      tls: true,
      certificateOnConnection: false,
      certificateInSession: false,
      verified: true,
      version: tls.getProtocol(),
      cipher: tls.getCipher().standardName,
      signatureAlgorithm: "RSA-SHA256",
      keyAlgorithm: "RSA2048",
    });
    tls.destroy();
  });

  it("are LOCAL on health checks, which is the checker's own connection", async () => {
    const receiver = await startReceiver(2);
    const probe = await freePort();
    const server = `server s 127.0.0.1:${receiver.port} check inter 50ms check-send-proxy send-proxy-v2`;
    running.push(
      await startHaproxy(
        // without a time of its own, a check is reset after 50 ms: maybe before this process has taken the connection
        `listen checked\n  bind :::${probe} v4v6\n  timeout check 60s\n  option tcp-check\n  tcp-check expect string ok\n  ${server}\n`,
        [],
      ),
    );
    const { header, source } = await receiver.next();
    assert.deepEqual(header.proxied, { kind: "local" });
    assert.equal(source.address, "127.0.0.1");
  });

  it("carry the addresses of a chain of proxies, the outer header being ours", async () => {
    const receiver = await startReceiver(2);
    const [port, probe] = [await freePort(), await freePort()];
    const chain = `listen chain\n  bind :::${port} v4v6 accept-proxy\n  server s 127.0.0.1:${receiver.port} send-proxy-v2`;
    running.push(await startHaproxy(`frontend quiet\n  bind :::${probe} v4v6\n${chain}`, [probe]));
    for (const client of CLIENTS) {
      const header = receiver.next();
      await exchange(port, "127.0.0.1", encodeV1(client));
      const { source, destination } = await header;
      assert.deepEqual([source, destination], [client.source, client.destination]);
    }
  });
});

describe("headers from nginx", () => {
  it("are read from its stream module: v1, both families, IPv4 on a socket of both", async () => {
    const receiver = await startReceiver(1);
    const [port, probe] = [await freePort(), await freePort()];
    running.push(
      await startNginx(
        () => `stream {
  server { listen [::]:${port} ipv6only=off; proxy_pass 127.0.0.1:${receiver.port}; proxy_protocol on; }
  server { listen [::]:${probe} ipv6only=off; return ""; }
}`,
        [probe],
      ),
    );
    for (const host of HOSTS) {
      const { header, client, bound } = await through(port, host, receiver);
      assert.deepEqual([header.source, header.destination], [client, bound]);
    }
  });
});

describe("headers that are not right", () => {
  const request = "GET / HTTP/1.0\r\n\r\n";
  const good = encodeV2(CLIENTS[1]!, { checksum: true });
  const corrupt = Buffer.from(good);
  corrupt[20] = 9;
  const cases: readonly (readonly [string, ProxyVersion, Uint8Array, string])[] = [
    ["no header", 2, Buffer.from(request), "no-header"],
    ["a checksum that does not match", 2, corrupt, "bad-checksum"],
    ["UDP over TCP", 2, encodeV2({ ...CLIENTS[1]!, transport: "UDP" }), "wrong-transport"],
    ["a port of 70000", 1, Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 70000 80\r\n"), "bad-port"],
    ["leading zeros", 1, Buffer.from("PROXY TCP4 203.000.113.007 192.0.2.2 7 80\r\n"), "bad-address"],
    ["the other version", 1, good, "wrong-version"],
  ];
  for (const [name, version, bytes, reason] of cases) {
    it(`are refused by us: ${name}`, async () => {
      const receiver = await startReceiver(version);
      const outcome = receiver.next();
      const answer = exchange(receiver.port, "::1", Buffer.concat([bytes, Buffer.from(request)]));
      await assert.rejects(
        outcome,
        (error) => error instanceof ProxyHeaderRefused && error.reason === reason,
      );
      assert.notEqual(await answer, "ok\n");
    });
  }

  it("are never believed where others believe them: HAProxy takes port 70000 for 4464", async () => {
    const port = await freePort();
    const peer = await startHaproxy(
      `frontend f\n  mode http\n  timeout http-request 10s\n  bind :::${port} v4v6 accept-proxy\n  http-request return status 200 content-type text/plain lf-string "%[src_port]\\n"`,
      [port],
    );
    running.push(peer);
    const line = `PROXY TCP4 192.0.2.1 192.0.2.2 70000 80\r\n${request}`;
    assert.match(await exchange(port, "127.0.0.1", Buffer.from(line)), /\n4464\n$/);
  });
});
