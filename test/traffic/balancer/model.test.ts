import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EndpointSlice, ServicePort } from "../../../src/objects/types.ts";
import type { BalancerModel } from "../../../src/traffic/balancer/model.ts";
import { selectNodes } from "../../../src/traffic/balancer/index.ts";
import { balancerService, modelOf, node, remarks, TCP_CHECK, translate } from "./fixtures.ts";

const SEED = {
  "ip-address-type": "dualstack",
  scheme: "internet-facing",
  "nlb-target-type": "instance",
  type: "external",
};

describe("families", () => {
  const families = ({ clientFamilies, targetFamilies, aws }: BalancerModel) =>
    [clientFamilies.join(), targetFamilies.join(), aws.ipAddressType] as const;
  const dual = {
    ipFamilies: ["IPv4", "IPv6"] as ("IPv4" | "IPv6")[],
    ipFamilyPolicy: "PreferDualStack" as const,
  };
  const six = { ipFamilies: ["IPv6", "IPv4"] as ("IPv4" | "IPv6")[] };

  test("the seed: clients of both families, targets of IPv4, on either provider", () => {
    for (const provider of ["aws", "local"] as const) {
      const service = balancerService(SEED);
      delete service.spec.loadBalancerClass;
      const model = modelOf(service, { provider });
      assert.deepEqual(families(model), ["IPv4,IPv6", "IPv4", "dualstack"]);
      assert.equal(model.scheme, "internet-facing");
    }
  });

  test("without the annotation AWS has IPv4, and the local provider the Service's own families", () => {
    assert.deepEqual(families(modelOf(balancerService({}, dual))), ["IPv4", "IPv4,IPv6", "ipv4"]);
    const local = (spec: object) => families(modelOf(balancerService({}, spec), { provider: "local" }));
    assert.deepEqual(local(dual), ["IPv4,IPv6", "IPv4,IPv6", "dualstack"]);
    assert.deepEqual(local({}), ["IPv4", "IPv4", "ipv4"]);
    assert.deepEqual(local({ ipFamilies: ["IPv6"] }), ["IPv6", "IPv6", "dualstack"]);
    assert.deepEqual(local(six), ["IPv6,IPv4", "IPv6,IPv4", "dualstack"]);
  });

  test("IPv6 targets come where IPv6 is first, or asked for", () => {
    const dualstack = { "ip-address-type": "dualstack" };
    assert.deepEqual(families(modelOf(balancerService(dualstack, six)))[1], "IPv6,IPv4");
    assert.deepEqual(families(modelOf(balancerService(dualstack, dual)))[1], "IPv4,IPv6");
    const asked = { ...dualstack, "tandem.dev/target-family": "IPv6" };
    assert.deepEqual(families(modelOf(balancerService(asked, dual)))[1], "IPv6,IPv4");
  });

  test("ipv4 said outright holds locally, too", () => {
    const model = modelOf(balancerService({ "ip-address-type": "ipv4" }, dual), { provider: "local" });
    assert.deepEqual(families(model), ["IPv4", "IPv4,IPv6", "ipv4"]);
  });
});

describe("scheme", () => {
  test("scheme beats internal; without either it stays as it is", () => {
    const scheme = (short: Record<string, string>) => modelOf(balancerService(short)).scheme;
    assert.equal(scheme({ internal: "true", scheme: "internet-facing" }), "internet-facing");
    assert.equal(scheme({ internal: "false" }), "internet-facing");
    assert.equal(scheme({ internal: "1" }), "internal");
    assert.equal(scheme({}), undefined);
  });
});

describe("PROXY protocol", () => {
  const ports: ServicePort[] = [80, 443, 22].map((port) => ({
    name: `p${port}`,
    protocol: "TCP",
    port,
    nodePort: 30000 + port,
  }));
  const versions = (short: Record<string, string>, provider: "aws" | "local" = "aws") =>
    modelOf(balancerService(short, { ports }), { provider })
      .ports.map(({ proxyProtocol, targetAttributes }) => {
        const on = targetAttributes["proxy_protocol_v2.enabled"];
        assert.equal(
          on === "true",
          proxyProtocol !== undefined || provider === "local",
          "attribute and version agree",
        );
        return proxyProtocol ?? "-";
      })
      .join("");
  const attributes = "target-group-attributes";
  const on = "proxy_protocol_v2.enabled=true";
  const off = "proxy_protocol_v2.enabled=false";
  const CASES: readonly (readonly [Record<string, string>, string])[] = [
    [{}, "---"],
    [{ "proxy-protocol": "*" }, "222"],
    [{ "proxy-protocol-per-target-group": "443, 8443" }, "-2-"],
    [{ "proxy-protocol-per-target-group": "" }, "---"],
    [{ [attributes]: on }, "222"],
    [{ [attributes]: on, [`${attributes}.80`]: off }, "-22"],
    [{ [attributes]: on, [`${attributes}.80`]: "proxy_protocol_v2.enabled=" }, "222"],
    [{ [attributes]: on, "proxy-protocol-per-target-group": "22" }, "--2"],
    [{ [`${attributes}.80`]: off, "proxy-protocol": "*" }, "222"],
    [{ "proxy-protocol-per-target-group": "80", "proxy-protocol": "*" }, "222"],
    [{ "tandem.dev/proxy-protocol": "v2" }, "222"],
    [{ "tandem.dev/proxy-protocol": "v2", "proxy-protocol-per-target-group": "443" }, "-2-"],
    [{ "tandem.dev/proxy-protocol": "v2", [`${attributes}.80`]: on }, "2--"],
  ];
  for (const [short, expected] of CASES)
    test(JSON.stringify(short), () => {
      assert.equal(versions(short), expected);
    });

  test("version 1 is the local provider's, for TCP", () => {
    const udp: ServicePort = { name: "dns", protocol: "UDP", port: 53, nodePort: 30053 };
    const service = balancerService({ "tandem.dev/proxy-protocol": "v1" }, { ports: [...ports, udp] });
    const model = modelOf(service, { provider: "local" });
    assert.deepEqual(
      model.ports.map(({ proxyProtocol }) => proxyProtocol),
      [1, 1, 1, undefined],
    );
    assert.match(remarks(translate(service, { provider: "local" })).join(), /version 1 .* has no UDP/);
  });
});

test("further fields of PROXY headers: what is right is taken, a checksum is refused", () => {
  const of = (value: string) => balancerService({ "tandem.dev/proxy-protocol-tlvs": value });
  const { local } = modelOf(of("0xE0=edge, 2=%REQUESTED_SERVER_NAME%"), { provider: "local" });
  assert.deepEqual(local.proxyFields, [
    { type: 0xe0, value: "edge" },
    { type: 2, value: "%REQUESTED_SERVER_NAME%" },
  ]);
  for (const bad of ["3=abcd", "edge", "256=x"])
    assert.match(remarks(translate(of(bad), { provider: "local" })).join(), /checksum|begin with a type/);
});

describe("health checks", () => {
  const check = (short: Record<string, string>, spec = {}) =>
    modelOf(balancerService(short, spec)).ports[0]?.healthCheck;
  const local = { externalTrafficPolicy: "Local" as const, healthCheckNodePort: 32000 };
  const asked = {
    protocol: "HTTP",
    port: 32000,
    path: "/healthz",
    intervalSeconds: 10,
    timeoutSeconds: 6,
    healthyThreshold: 2,
    unhealthyThreshold: 2,
    successCodes: "200-399",
  };

  test("TCP by default; the node's answer with externalTrafficPolicy Local", () => {
    assert.deepEqual(check({}), TCP_CHECK);
    assert.deepEqual(check({}, local), asked);
    assert.deepEqual(check({ "nlb-target-type": "ip" }, local), TCP_CHECK);
  });

  test("annotations over the defaults", () => {
    const short = {
      "healthcheck-protocol": "https",
      "healthcheck-port": "http",
      "healthcheck-path": "/ready",
      "healthcheck-interval": "30",
      "healthcheck-timeout": "5",
      "healthcheck-healthy-threshold": "4",
      "healthcheck-unhealthy-threshold": "5",
      "healthcheck-success-codes": "200",
    };
    const expected = {
      protocol: "HTTPS",
      port: 30080,
      path: "/ready",
      intervalSeconds: 30,
      timeoutSeconds: 5,
      healthyThreshold: 4,
      unhealthyThreshold: 5,
      successCodes: "200",
    };
    assert.deepEqual(check(short, local), expected);
    assert.equal(check({ ...short, "nlb-target-type": "ip" })?.port, 8080);
    assert.equal(check({ "healthcheck-protocol": "tcp", "healthcheck-path": "/x" }, local)?.path, undefined);
    assert.equal(check({ "healthcheck-interval": "5" })?.timeoutSeconds, 5);
  });
});

describe("TLS", () => {
  const ports: ServicePort[] = [
    { name: "https", protocol: "TCP", port: 443, nodePort: 30443 },
    { name: "http", protocol: "TCP", port: 80, nodePort: 30080 },
    { name: "dns", protocol: "UDP", port: 53, nodePort: 30053 },
  ];
  const tls = (short: Record<string, string>, provider: "aws" | "local" = "aws") =>
    modelOf(balancerService(short, { ports }), { provider }).ports.filter((port) => port.tls !== undefined);
  const cert = { "ssl-cert": "arn:1, arn:2" };

  test("all TCP ports, or those named or numbered", () => {
    const names = (short: Record<string, string>) => tls(short).map(({ name }) => name);
    assert.deepEqual(names({}), []);
    assert.deepEqual(names(cert), ["https", "http"]);
    assert.deepEqual(names({ ...cert, "ssl-ports": "https" }), ["https"]);
    assert.deepEqual(names({ ...cert, "ssl-ports": "80" }), ["http"]);
  });

  test("certificates, policy, ALPN, and TLS to targets", () => {
    const short = {
      ...cert,
      "ssl-negotiation-policy": "P",
      "alpn-policy": "HTTP2Only",
      "backend-protocol": "ssl",
    };
    const [port] = tls(short);
    assert.deepEqual(port?.tls, { certificates: ["arn:1", "arn:2"], policy: "P", alpn: "HTTP2Only" });
    assert.equal(port?.tlsToTargets, true);
    assert.equal(tls(cert)[0]?.tlsToTargets, false);
  });

  test("the local provider has Secrets of the Service's namespace", () => {
    assert.deepEqual(tls({ "ssl-cert": "a, default/b" }, "local")[0]?.tls?.certificates, [
      "default/a",
      "default/b",
    ]);
    const refused = (name: string) =>
      remarks(translate(balancerService({ "ssl-cert": name }), { provider: "local" }));
    assert.deepEqual(refused("other/a"), ["error: Secret other/a is in another namespace"]);
    assert.match(refused("arn:1").join(), /^error: arn:1 is a certificate of AWS/);
  });
});

describe("ports", () => {
  const two = (targetPort?: number): ServicePort[] => [
    { name: "t", protocol: "TCP", port: 53, nodePort: 30053 },
    { name: "u", protocol: "UDP", port: 53, nodePort: 30053, ...(targetPort && { targetPort }) },
  ];

  test("TCP and UDP of one number are one where they shall be", () => {
    const short = { "enable-tcp-udp-listener": "true" };
    const [port, ...others] = modelOf(balancerService(short, { ports: two() })).ports;
    assert.deepEqual([port?.protocol, port?.port, others.length], ["TCP_UDP", 53, 0]);
    const flags = { enableTcpUdpListener: true };
    assert.equal(modelOf(balancerService({}, { ports: two() }), { flags }).ports.length, 1);
    assert.equal(modelOf(balancerService({}, { ports: two() }), { provider: "local" }).ports.length, 2);
    assert.match(
      remarks(translate(balancerService(short, { ports: two(54) }))).join(),
      /different target ports/,
    );
  });

  test("attributes of listeners go by protocol and port; those of no listener are told", () => {
    const short = {
      "listener-attributes.TCP-80": "tcp.idle_timeout.seconds=400",
      "listener-attributes.TLS-80": "tcp.idle_timeout.seconds=400",
    };
    const translated = translate(balancerService(short));
    assert.deepEqual(translated.model?.ports[0]?.listenerAttributes, { "tcp.idle_timeout.seconds": "400" });
    assert.deepEqual(remarks(translated), ["warning: no listener is TLS-80"]);
  });

  test("forward actions name groups, and Services of the namespace", () => {
    const other = balancerService(
      {},
      { ports: [{ name: "web", protocol: "TCP", port: 8080, nodePort: 31080 }] },
    );
    other.metadata = { name: "other", namespace: "default", uid: "uid-other" };
    const json =
      '{"type":"forward","forwardConfig":{"baseServiceWeight":90,"targetGroups":[' +
      '{"targetGroupARN":"arn:1","weight":4},{"serviceName":"other","servicePort":"web","weight":6}]}}';
    const model = modelOf(balancerService({ "/actions.TCP-80": json }), { services: [other] });
    const [port] = model.ports;
    assert.equal(port?.forward?.ownWeight, 90);
    assert.deepEqual(port?.forward?.others[0], { kind: "arn", arn: "arn:1", weight: 4 });
    const { kind, key, uid, nodePort, weight } = { ...port?.forward?.others[1] } as Record<string, unknown>;
    assert.deepEqual([kind, key, uid, nodePort, weight], ["service", "default/other", "uid-other", 31080, 6]);
  });
});

describe("AWS's settings", () => {
  test("deprecated annotations win over attributes; logs need the switch", () => {
    const attributes = (short: Record<string, string>) =>
      modelOf(balancerService(short)).aws.loadBalancerAttributes;
    const old = { "access-log-s3-bucket-name": "b", "access-log-s3-bucket-prefix": "p" };
    assert.deepEqual(attributes(old), {});
    assert.deepEqual(attributes({ ...old, "access-log-enabled": "false" }), {});
    assert.deepEqual(
      attributes({
        ...old,
        "access-log-enabled": "true",
        "cross-zone-load-balancing-enabled": "t",
        attributes: "access_logs.s3.bucket=other, load_balancing.cross_zone.enabled=false, x=y",
      }),
      {
        "access_logs.s3.bucket": "b",
        "access_logs.s3.enabled": "true",
        "access_logs.s3.prefix": "p",
        "load_balancing.cross_zone.enabled": "true",
        x: "y",
      },
    );
  });

  test("the operator's tags win, and tracking tags are told of", () => {
    const service = balancerService({ "additional-resource-tags": "a=1, b=2, service.k8s.aws/stack=x" });
    const translated = translate(service, { flags: { defaultTags: { b: "3" } } });
    assert.equal(translated.model?.aws.additionalTags["a"], "1");
    assert.equal(translated.model?.aws.additionalTags["b"], "3");
    assert.deepEqual(remarks(translated), [
      "warning: tag service.k8s.aws/stack says whose a thing is and cannot be set",
    ]);
  });

  test("deletion protection is the Service's own wish", () => {
    const on = balancerService({ attributes: "deletion_protection.enabled=T" });
    assert.equal(modelOf(on).aws.deletionProtection, true);
    assert.equal(modelOf(balancerService()).aws.deletionProtection, false);
  });

  test("source ranges: the Service's own before the annotation's", () => {
    const short = { "/load-balancer-source-ranges": "10.0.0.0/8, 192.0.2.0/24" };
    assert.deepEqual(modelOf(balancerService(short)).sourceRanges, ["10.0.0.0/8", "192.0.2.0/24"]);
    const own = { loadBalancerSourceRanges: ["203.0.113.0/24"] };
    assert.deepEqual(modelOf(balancerService(short, own)).sourceRanges, ["203.0.113.0/24"]);
  });
});

describe("the local provider's settings", () => {
  const local = (short: Record<string, string>, spec = {}) =>
    translate(balancerService({ "ip-address-type": "dualstack", ...short }, spec), { provider: "local" });

  test("a pool, and an address a family", () => {
    const { model } = local({
      "tandem.dev/address-pool": "edge",
      "tandem.dev/load-balancer-ips": "192.0.2.1, 2001:DB8::1",
    });
    assert.deepEqual(model?.local, { pool: "edge", addresses: { IPv4: "192.0.2.1", IPv6: "2001:db8::1" } });
    const older = local({}, { loadBalancerIP: "192.0.2.7" });
    assert.deepEqual(older.model?.local.addresses, { IPv4: "192.0.2.7" });
  });

  test("what is no address, and two of one family", () => {
    const refused = (text: string) => remarks(local({ "tandem.dev/load-balancer-ips": text }));
    assert.deepEqual(refused("x"), ["error: x is no IP address"]);
    assert.deepEqual(refused("192.0.2.1,192.0.2.2"), ["error: 192.0.2.1 and 192.0.2.2 are both IPv4"]);
    const four = translate(balancerService({ "tandem.dev/load-balancer-ips": "2001:db8::1" }), {
      provider: "local",
    });
    assert.match(remarks(four).join(), /^error: 2001:db8::1 is IPv6, which .* clients do not use$/);
  });

  test("what concerns AWS alone is only warned of, and the reverse", () => {
    const short = { subnets: "subnet-1", name: "a-name-that-is-longer-than-it-may-be" };
    assert.deepEqual(remarks(local(short)), [
      "warning: load balancer name cannot be longer than 32 characters",
    ]);
    const aws = translate(balancerService({ "tandem.dev/load-balancer-ips": "x" }));
    assert.deepEqual(remarks(aws), ["warning: x is no IP address"]);
  });
});

describe("targets", () => {
  const names = (...nodes: Parameters<typeof selectNodes>[0]) => selectNodes(nodes).map(({ name }) => name);
  const tainted = (key: string, effect: string) => {
    const it = node("t");
    it.spec.taints = [{ key, effect }];
    return it;
  };

  test("nodes that are Ready and not excluded, by name, with an address a family", () => {
    const [first] = selectNodes([node("b"), node("a")]);
    assert.deepEqual(first, {
      name: "a",
      providerId: "aws:///eu-west-1a/i-a",
      addresses: { IPv4: "10.0.0.4", IPv6: "2001:db8::4" },
      zone: "eu-west-1a",
    });
    const labels = [
      "node-role.kubernetes.io/master",
      "node.kubernetes.io/exclude-from-external-load-balancers",
      "alpha.service-controller.kubernetes.io/exclude-balancer",
    ];
    for (const label of labels)
      assert.deepEqual(names(node("a"), node("x", { labels: { [label]: "" } })), ["a"]);
    assert.deepEqual(names(node("x", { labels: { "eks.amazonaws.com/compute-type": "fargate" } })), []);
    assert.deepEqual(names(tainted("ToBeDeletedByClusterAutoscaler", "NoSchedule")), []);
    assert.deepEqual(names(tainted("karpenter.sh/disrupted", "NoSchedule")), []);
    assert.deepEqual(names(tainted("karpenter.sh/disrupted", "PreferNoSchedule")), ["t"]);
  });

  test("unknown ones only where none is Ready, and never those that are not", () => {
    const unknown = node("u", { ready: "Unknown" });
    assert.deepEqual(names(node("a"), unknown, node("f", { ready: "False" })), ["a"]);
    assert.deepEqual(names(unknown, node("f", { ready: "False" })), ["u"]);
  });

  test("labels that nodes must have", () => {
    const nodes = [node("a"), node("b", { labels: { edge: "true" } })];
    const model = modelOf(balancerService({ "target-node-labels": "edge=true" }), { nodes });
    assert.deepEqual(
      model.nodes.map(({ name }) => name),
      ["b"],
    );
  });

  test("pods once, with both addresses; on AWS only pods", () => {
    const slice = (addressType: "IPv4" | "IPv6", address: string): EndpointSlice => ({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: addressType, namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
      addressType,
      endpoints: [
        { addresses: [address], nodeName: "n", targetRef: { kind: "Pod", name: "p" } },
        { addresses: ["192.0.2.9"], conditions: { ready: false }, targetRef: { kind: "Pod", name: "q" } },
        ...(addressType === "IPv4" ? [{ addresses: ["192.0.2.10"] }] : []),
      ],
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    });
    const endpointSlices = [slice("IPv4", "192.0.2.1"), slice("IPv6", "2001:db8::1")];
    const service = balancerService({ "nlb-target-type": "ip" });
    const pod = {
      pod: "p",
      addresses: { IPv4: "192.0.2.1", IPv6: "2001:db8::1" },
      node: "n",
      ports: { http: 8080 },
    };
    assert.deepEqual(modelOf(service, { endpointSlices }).endpoints, [pod]);
    const local = modelOf(service, { endpointSlices, provider: "local" }).endpoints;
    assert.deepEqual(
      local.map((it) => it.pod),
      ["192.0.2.10", "p"],
    );
  });
});
