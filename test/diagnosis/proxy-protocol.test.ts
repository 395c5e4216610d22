import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { after, describe, test } from "node:test";
import { judgeMatrix, requestsFor } from "../../src/diagnosis/matrix/judge.ts";
import { planMatrix } from "../../src/diagnosis/matrix/plan.ts";
import { printMatrix } from "../../src/diagnosis/matrix/print.ts";
import { proxyPortsOf } from "../../src/diagnosis/matrix/proxy-protocol.ts";
import { proxyMismatch as mismatch } from "../../src/diagnosis/probe/proxy-header.ts";
import { buildFrontend } from "../../src/traffic/index.ts";
import type { EndpointSlice, Service } from "../../src/objects/types.ts";
import { acceptProxyHeader, type ProxyVersion, trustedSenders } from "../../src/proxy-protocol/index.ts";

/** As probes ask, with more patience: a server of a busy machine is not taken for a silent one. */
const proxyMismatch = (...[target, sent]: Parameters<typeof mismatch>) => mismatch(target, sent, 60_000);

const open: Server[] = [];
after(() => {
  for (const server of open) server.close();
});

async function listen(serve: (socket: Socket) => void): Promise<{ address: string; port: number }> {
  const server = createServer({ allowHalfOpen: true }, serve);
  open.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { address: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

/** A web server, behind a header of a version or without one; it answers 400 to what is no request. */
function web(version?: ProxyVersion, trusted = ["127.0.0.1"]) {
  const http = createHttpServer((_request, response) => response.end());
  if (version === undefined) return listen((socket) => void http.emit("connection", socket));
  return listen((socket) => {
    const options = { version, trusted: trustedSenders(trusted), timeoutMs: 10_000 };
    acceptProxyHeader(socket, options).then(
      ({ rest }) => {
        socket.unshift(rest);
        http.emit("connection", socket);
      },
      () => {},
    );
  });
}

describe("a port and the PROXY header of its load balancer", () => {
  test("fit: the header that is sent is the one that is expected, or none is", async () => {
    assert.equal(await proxyMismatch(await web(2), 2), undefined);
    assert.equal(await proxyMismatch(await web(1), 1), undefined);
    assert.equal(await proxyMismatch(await web(), undefined), undefined);
  });

  test("do not fit: the port closes on the header and answers without one", async () => {
    assert.equal(await proxyMismatch(await web(), 2), "refuses PROXY header");
    assert.equal(await proxyMismatch(await web(), 1), "refuses PROXY header");
    const curt = await listen((socket) => {
      socket.once("data", (chunk) =>
        String(chunk).startsWith("HEAD") ? socket.end("hello") : socket.destroy(),
      );
    });
    assert.equal(await proxyMismatch(curt, 2), "refuses PROXY header");
  });

  test("do not fit: the port closes without a header and answers to one", async () => {
    assert.equal(await proxyMismatch(await web(2), undefined), "wants PROXY header");
    assert.equal(await proxyMismatch(await web(1), undefined), "wants PROXY header");
  });

  test("a port that says nothing, or that closes whatever comes, is no finding", async () => {
    const silent = await listen((socket) => socket.on("error", () => {}).resume());
    assert.equal(await mismatch(silent, 2, 100), undefined);
    assert.equal(await mismatch(silent, undefined, 100), undefined);
    assert.equal(await proxyMismatch(await web(2, ["192.0.2.1"]), 2), undefined);
    assert.equal(await proxyMismatch(await listen((socket) => socket.destroy()), undefined), undefined);
  });
});

const SERVICE = (annotations: Record<string, string>, type = "LoadBalancer") =>
  ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", uid: "u1", annotations },
    spec: {
      type,
      clusterIP: "10.96.0.9",
      clusterIPs: ["10.96.0.9"],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      loadBalancerClass: "tandem.dev/nlb",
      selector: { app: "web" },
      ports: [{ port: 80, targetPort: 8080, nodePort: 30080, protocol: "TCP" }],
    },
  }) as unknown as Service;
const SLICE = {
  metadata: { name: "web-1", namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.244.1.2"], conditions: { ready: true } }],
  ports: [{ port: 8080, protocol: "TCP", name: "" }],
} as unknown as EndpointSlice;
const ON = { "service.beta.kubernetes.io/aws-load-balancer-proxy-protocol": "*" };

describe("the matrix", () => {
  function planned(service: Service) {
    const ports = proxyPortsOf(service);
    return planMatrix({
      frontends: [buildFrontend(service, [SLICE])],
      families: ["IPv4"],
      nodes: {},
      clusterDomain: "cluster.local",
      proxyPortsOf: () => ports,
    });
  }
  const client = { name: "ipv4", families: ["IPv4"] } as const;
  const podProbe = (service: Service) => {
    const requests = requestsFor(client, planned(service));
    return requests.find((request) => request.kind === "tcp" && request.address === "10.244.1.2");
  };

  test("sends pods of a load balancer what that sends, and pods of other Services nothing", () => {
    const of = (service: Service) => (podProbe(service) as { proxyHeader?: number }).proxyHeader;
    assert.equal(of(SERVICE(ON)), 2);
    assert.equal(of(SERVICE({})), 0);
    assert.equal(of(SERVICE(ON, "ClusterIP")), undefined);
  });

  test("says what does not fit and how it is mended", () => {
    const plans = planned(SERVICE(ON));
    const results = requestsFor(client, plans).map((request) => {
      const ok = request.id !== podProbe(SERVICE(ON))?.id;
      return [
        request.id,
        { id: request.id, ok, milliseconds: 1, ...(!ok && { reason: "refuses PROXY header" }) },
      ] as const;
    });
    const matrix = judgeMatrix(["IPv4"], [client], plans, new Map([["ipv4", new Map(results)]]));
    assert.match(printMatrix(matrix), /refuses PROXY header .*listen \[::\]:80 proxy_protocol/s);
  });
});
