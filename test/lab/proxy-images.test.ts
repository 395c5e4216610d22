/** Images that meet PROXY headers: the echoes that expect them, nginx and HAProxy as they are. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ProbeResult } from "../../src/diagnosis/probe/protocol.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { encodeV1, encodeV2, inetConnection } from "../../src/proxy-protocol/index.ts";
import { eventually } from "../controllers/cluster.ts";
import { ipsOf, temporaryHome, TestCluster } from "./cluster.ts";

const CLIENT = inetConnection(
  "TCP",
  { address: "2001:db8::1", port: 4000 },
  { address: "2001:db8::2", port: 80 },
);
const NGINX = `
log_format who '$proxy_protocol_addr "$request" $status';
server {
  listen 80 proxy_protocol; listen [::]:80 proxy_protocol;
  access_log /dev/stdout who;
  location / { default_type text/plain; return 200 "nginx sees $proxy_protocol_addr\\n"; }
}`;
const HAPROXY = `
global
  user haproxy
  log stdout format raw daemon
defaults
  mode http
  timeout connect 60s
  timeout client 60s
  timeout server 60s
frontend f
  bind :::80 v4v6 accept-proxy
  http-request return status 200 content-type text/plain lf-string "HAProxy sees %[src]\\n"
`;

describe("images and PROXY headers", () => {
  const home = temporaryHome();
  let lab: TestCluster;

  before(async () => {
    execFileSync("sh", [join(import.meta.dirname, "../../scripts/setup-tools"), "haproxy", "nginx"]);
    lab = await TestCluster.start("proxyimages", ["IPv4", "IPv6"]);
    await lab.create("client", { image: "busybox", command: ["sleep", "infinity"] });
    const trusted = "10.244.0.0/16,fd00:10:244::/56";
    await lab.create("http", {
      image: "hashicorp/http-echo",
      args: ["-listen=:80", "-text=hi", "-proxy-protocol=either", `-trusted=${trusted}`],
    });
    await lab.create("tcp", {
      image: "istio/tcp-echo-server",
      args: ["80", "hello", "--proxy-protocol=2", "--trusted=fd00:10:244::/56"],
    });
    await mounted("nginx", "docker.io/library/nginx:1.27", "/etc/nginx/conf.d", { "default.conf": NGINX });
    // where the lab is not root, it can mount below /etc, and not below /usr
    const args = ["-f", "/etc/haproxy/haproxy.cfg"];
    await mounted("haproxy", "haproxy:2.6", "/etc/haproxy", { "haproxy.cfg": HAPROXY }, args);
    await Promise.all(["client", "http", "tcp", "nginx", "haproxy"].map((name) => lab.ready(name)));
    // no probe asks these: it would be refused
    for (const name of ["http", "tcp"]) await logged(name, /listening on/);
  });
  after(async () => {
    await lab.stop();
    home.remove();
  });

  async function mounted(
    name: string,
    image: string,
    mountPath: string,
    data: Record<string, string>,
    args?: string[],
  ) {
    await lab.client.create(KINDS.ConfigMap, { metadata: { name, namespace: "default" }, data });
    const volumes = [{ name: "config", configMap: { name } }];
    await lab.create(
      name,
      {
        image,
        ...(args && { args }),
        volumeMounts: [{ name: "config", mountPath }],
        readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 },
      },
      { volumes },
    );
  }

  /** What a pod answers to bytes from the client's pod, over one family. */
  async function answer(
    pod: string,
    family: "IPv4" | "IPv6",
    bytes: Uint8Array,
    rest: string,
  ): Promise<string> {
    const address = ipsOf(await lab.pod(pod))[family] as string;
    const all = Buffer.concat([bytes, Buffer.from(rest)]).toString("base64");
    const command = `echo ${all} | base64 -d | nc -w 60 ${address} 80`;
    return (await lab.exec("client", ["sh", "-c", command])).out;
  }

  const REQUEST = "GET / HTTP/1.0\r\n\r\n";

  test("http-echo and tcp-echo show the client that the header names, and its family", async () => {
    for (const header of [encodeV1(CLIENT), encodeV2(CLIENT, { checksum: true })]) {
      const text = await answer("http", "IPv4", header, REQUEST);
      assert.match(text, /x-client-address: 2001:db8::1\r\n/i);
      assert.match(text, /x-client-family: IPv6\r\n/i);
    }
    const line = await answer("tcp", "IPv6", encodeV2(CLIENT), "world\n");
    assert.equal(line, "client [2001:db8::1]:4000 IPv6\nhello world\n");
  });

  test("without a header, or from someone who is not trusted, there is no answer but a line in the log", async () => {
    assert.equal(await answer("http", "IPv4", Buffer.alloc(0), REQUEST), "");
    assert.equal(await answer("tcp", "IPv4", encodeV2(CLIENT), "world\n"), "");
    await logged("http", /PROXY header refused \(no-header\)/);
    await logged("tcp", /PROXY header refused \(untrusted-sender\)/);
  });

  test("nginx serves what its ConfigMap says, over both families, and logs the client's address", async () => {
    for (const family of ["IPv4", "IPv6"] as const) {
      const text = await answer("nginx", family, encodeV2(CLIENT), REQUEST);
      assert.match(text, /nginx sees 2001:db8::1\n/, await logOf("nginx"));
    }
    await logged("nginx", /^2001:db8::1 "GET \/ HTTP\/1\.0" 200$/m);
  });

  test("nginx reloads when it is told to", async () => {
    const { code, err } = await lab.exec("nginx", ["nginx", "-s", "reload"]);
    assert.equal(code, 0, err);
    const text = await answer("nginx", "IPv6", encodeV2(CLIENT), REQUEST);
    assert.match(text, /nginx sees 2001:db8::1\n/);
  });

  test("HAProxy serves what its ConfigMap says", async () => {
    const text = await answer("haproxy", "IPv4", encodeV2(CLIENT), REQUEST);
    assert.match(text, /HAProxy sees 2001:db8::1\n/, await logOf("haproxy"));
  });

  test("the probe of a pod that expects a header sends one, and tells of one that is missing or too much", async () => {
    await lab.create("plain", {
      image: "nginx",
      readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 },
    });
    await lab.ready("plain");
    assert.match(await answer("plain", "IPv6", Buffer.alloc(0), REQUEST), /Welcome to nginx/);
    const probes = await Promise.all(
      (["nginx", "plain"] as const).flatMap((pod) =>
        ([0, 2] as const).map(async (proxyHeader) => {
          const address = ipsOf(await lab.pod(pod)).IPv6 as string;
          return { id: `${pod} ${proxyHeader}`, kind: "tcp", family: "IPv6", address, port: 80, proxyHeader };
        }),
      ),
    );
    const { out } = await lab.exec(
      "client",
      ["tandem-probe"],
      probes.map((it) => JSON.stringify(it)).join("\n"),
    );
    const results = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as ProbeResult);
    assert.deepEqual(Object.fromEntries(results.map(({ id, ok, reason }) => [id, reason ?? ok])), {
      "nginx 0": "wants PROXY header",
      "nginx 2": true,
      "plain 0": true,
      "plain 2": "refuses PROXY header",
    });
  });

  /** A line follows what it is about by some milliseconds. */
  async function logged(pod: string, what: RegExp): Promise<void> {
    await eventually(
      () => logOf(pod),
      (log) => what.test(log),
    );
  }

  async function logOf(pod: string): Promise<string> {
    let text = "";
    for await (const chunk of await lab.client.logs({ namespace: "default", pod })) text += String(chunk);
    return text;
  }
});
