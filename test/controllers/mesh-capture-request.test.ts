/** What annotations and probes of a pod ask of the capture of its traffic. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { captureArguments, captureRequest } from "../../src/controllers/mesh/injection-capture.ts";
import type { Pod } from "../../src/objects/types.ts";

const podWith = (annotations: Record<string, string>, containers: object[] = []): Pod =>
  ({ apiVersion: "v1", kind: "Pod", metadata: { name: "web", annotations }, spec: { containers } }) as Pod;

const requestOf = (name: string, value: string) => captureRequest(podWith({ [`tandem.dev/${name}`]: value }));

test("values that can be followed become flags, with what is written around them left out", () => {
  const cases: [name: string, value: string, flag: string, given: string][] = [
    ["includeInboundPorts", " * ", "inbound-ports", "*"],
    ["excludeInboundPorts", "0, 65535,", "exclude-inbound-ports", "0,65535"],
    ["excludeOutboundIPRanges", "10.0.0.1, fd00::1", "exclude-outbound-ranges", "10.0.0.1,fd00::1"],
    ["includeOutboundIPRanges", "10.0.0.0/8,fd00::/8", "outbound-ranges", "10.0.0.0/8,fd00::/8"],
    ["excludeInterfaces", "net*,eth0.7", "exclude-interfaces", "net*,eth0.7"],
    ["excludeUsers", "0,4294967295", "exclude-users", "0,4294967295"],
  ];
  for (const [name, value, flag, given] of cases)
    assert.deepEqual(captureArguments(requestOf(name, value)), [`--${flag}=${given}`], name);
});

test("values just beyond those are refused by the part that is wrong", () => {
  const cases: [name: string, value: string, bad: string][] = [
    ["excludeInboundPorts", "80,65536", "65536"],
    ["excludeInboundPorts", "*", "*"],
    ["includeOutboundPorts", "-1", "-1"],
    ["excludeOutboundIPRanges", "10.0.0.0/33", "10.0.0.0/33"],
    ["includeOutboundIPRanges", "fd00::/8,*", "*"],
    ["excludeInterfaces", "eth0,*net", "*net"],
    ["excludeUsers", "4294967296", "4294967296"],
  ];
  for (const [name, value, bad] of cases)
    assert.throws(
      () => requestOf(name, value),
      (error: Error) =>
        error.message.startsWith(`annotation tandem.dev/${name}: ${JSON.stringify(bad)} is no`),
      `${name}=${value}`,
    );
});

test("ours counts before Istio's, and a name of Istio's that is not known is refused", () => {
  const both = {
    "tandem.dev/excludeInboundPorts": "1",
    "traffic.sidecar.istio.io/excludeInboundPorts": "2",
  };
  assert.deepEqual(captureRequest(podWith(both)), { "exclude-inbound-ports": "1" });
  assert.throws(
    () => captureRequest(podWith({ "traffic.sidecar.istio.io/kubevirtInterfaces": "x" })),
    /kubevirtInterfaces is not known: known are includeInboundPorts/,
  );
});

test("ports that the kubelet asks are told once, by number, of probes and hooks of every kind", () => {
  const container = {
    name: "web",
    ports: [
      { name: "http", containerPort: 8080 },
      { containerPort: 53, protocol: "UDP" },
    ],
    readinessProbe: { httpGet: { port: "http" } },
    livenessProbe: { tcpSocket: { port: "9090" } },
    startupProbe: { grpc: { port: 9091 } },
    lifecycle: { preStop: { httpGet: { port: 8080 } } },
  };
  const silent = { name: "silent", ports: [{ containerPort: 7000 }, { containerPort: 53, protocol: "UDP" }] };
  const pod = podWith({}, [container, silent]);
  assert.deepEqual(captureRequest(pod), { "probe-ports": "8080,9090,9091" });
  assert.deepEqual(captureRequest(pod, true), { "probe-ports": "7000,8080,9090,9091" });
});
