import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Service, ServicePort } from "../../../src/objects/types.ts";
import { ALL_ANNOTATIONS } from "../../../src/traffic/balancer/index.ts";
import { AWS, balancerService, node, remarks, translate } from "./fixtures.ts";

const DUAL = { "ip-address-type": "dualstack" };
const UDP: ServicePort = { name: "dns", protocol: "UDP", port: 53, nodePort: 30053 };

/** What else AWS or the running cluster would say, much later (issues of the AWS controller in each name). */
describe("said early", () => {
  test("UDP that a dualstack load balancer does not translate (3926, 4795)", () => {
    const message =
      "error: port 53 is UDP, and a dualstack load balancer of AWS does not translate UDP to IPv4 targets";
    assert.deepEqual(remarks(translate(balancerService(DUAL, { ports: [UDP] }))), [message]);
    assert.deepEqual(remarks(translate(balancerService({}, { ports: [UDP] }))), []);
    assert.deepEqual(remarks(translate(balancerService(DUAL, { ports: [UDP] }), { provider: "local" })), []);
    const six = { ports: [UDP], ipFamilies: ["IPv6" as const] };
    assert.match(remarks(translate(balancerService(DUAL, six))).join(), /source addresses of a prefix/);
    const prefix = { ...DUAL, "enable-prefix-for-ipv6-source-nat": "on", "nlb-target-type": "ip" };
    assert.deepEqual(remarks(translate(balancerService(prefix, six))), []);
  });

  test("nodes, none of which takes traffic; nothing is said where none is known", () => {
    const unready = { nodes: [node("a", { ready: "False" }), node("b", { ready: "False" })] };
    for (const provider of ["aws", "local"] as const)
      assert.deepEqual(remarks(translate(balancerService(), { provider, ...unready })), [
        "warning: no node takes traffic: of 2, none is ready and not excluded",
      ]);
    const labels = { "target-node-labels": "role=edge" };
    assert.deepEqual(remarks(translate(balancerService(labels), { nodes: [node("a")] })), [
      "warning: no node takes traffic: of 1, none with role=edge is ready and not excluded",
    ]);
    assert.deepEqual(remarks(translate(balancerService(), { nodes: [] })), []);
    assert.deepEqual(remarks(translate(balancerService({ "nlb-target-type": "ip" }), unready)), []);
  });

  test("another controller's finalizer", () => {
    const service = balancerService();
    const metadata = { ...service.metadata, finalizers: ["service.k8s.aws/resources"] };
    const found = remarks(translate({ ...service, metadata }));
    assert.match(found.join(), /^warning: the AWS Load Balancer Controller serves this Service, too, or did/);
    assert.deepEqual(remarks(translate({ ...service, metadata }, { provider: "local" })), []);
  });

  test("PROXY protocol and probes of kube-proxy's health check (ingress-nginx 10982)", () => {
    const spec = { externalTrafficPolicy: "Local" as const, healthCheckNodePort: 32000 };
    const on = { "proxy-protocol": "*" };
    const found = remarks(translate(balancerService(on, spec)));
    assert.equal(found.length, 1);
    assert.match(
      found.join(),
      /^warning: with PROXY protocol and externalTrafficPolicy Local no target gets healthy/,
    );
    const mended = { ...on, "healthcheck-protocol": "tcp", "healthcheck-port": "traffic-port" };
    assert.deepEqual(remarks(translate(balancerService(mended, spec))), []);
    const manifest = balancerService(on, { externalTrafficPolicy: "Local" });
    delete manifest.metadata.uid;
    assert.match(remarks(translate(manifest)).join(), /HTTP probes of spec\.healthCheckNodePort start with/);
    assert.deepEqual(remarks(translate(balancerService(on, spec), { provider: "local" })), []);
    assert.deepEqual(remarks(translate(balancerService(on))), []);
  });

  test("PROXY protocol and HTTP probes at another port (ingress-nginx 6996)", () => {
    const http = { "proxy-protocol": "*", "healthcheck-protocol": "http" };
    const elsewhere = { ...http, "healthcheck-port": "10254" };
    assert.deepEqual(remarks(translate(balancerService(elsewhere))), [
      "warning: HTTP probes of port 10254 start with a PROXY header, too: no target gets healthy where that port knows none",
    ]);
    assert.deepEqual(remarks(translate(balancerService(elsewhere), { provider: "local" })), []);
    for (const fine of [
      http,
      { ...http, "healthcheck-port": "http" },
      { ...http, "healthcheck-port": "8080", "nlb-target-type": "ip" },
      { ...elsewhere, "healthcheck-protocol": "tcp" },
      { "healthcheck-protocol": "http", "healthcheck-port": "10254" },
    ])
      assert.deepEqual(remarks(translate(balancerService(fine))), [], JSON.stringify(fine));
  });

  test("PROXY protocol where the server speaks first (terraform-provider-aws 41450)", () => {
    const ports: ServicePort[] = [{ name: "smtp", protocol: "TCP", port: 25, nodePort: 30025 }];
    const found = remarks(translate(balancerService({ "proxy-protocol": "*" }, { ports })));
    assert.match(found.join(), /^warning: on port 25 the server usually speaks first/);
    const behind: ServicePort[] = [
      { name: "db", protocol: "TCP", port: 80, targetPort: 3306, nodePort: 30025 },
    ];
    assert.match(
      remarks(translate(balancerService({ "proxy-protocol": "*" }, { ports: behind }))).join(),
      /3306/,
    );
    assert.deepEqual(remarks(translate(balancerService({}, { ports }))), []);
    const placed = {
      "proxy-protocol": "*",
      "target-group-attributes": "proxy_protocol_v2.client_to_server.header_placement=on_first_ack",
    };
    assert.deepEqual(remarks(translate(balancerService(placed, { ports }))), []);
  });

  test("more listeners than AWS has, and more targets than a zone holds", () => {
    const ports = (count: number): ServicePort[] =>
      Array.from({ length: count }, (_, index) => ({
        name: `p${index}`,
        protocol: "TCP",
        port: 8000 + index,
        nodePort: 30000 + index,
      }));
    assert.deepEqual(remarks(translate(balancerService({}, { ports: ports(50) }))), []);
    assert.match(
      remarks(translate(balancerService({}, { ports: ports(51) }))).join(),
      /^error: 51 ports need/,
    );
    const nodes = Array.from({ length: 51 }, (_, index) => node(`n${index}`));
    const many = translate(balancerService({}, { ports: ports(10) }), { nodes });
    assert.deepEqual(remarks(many), [
      "warning: 51 nodes times 10 ports are 510 targets in zone eu-west-1a; AWS has 500 unless the quota was raised",
    ]);
    const pods = translate(balancerService({ "nlb-target-type": "ip" }, { ports: ports(10) }), { nodes });
    assert.deepEqual(remarks(pods), []);
  });

  test("source ranges of before the move to dual stack", () => {
    const ranges = { loadBalancerSourceRanges: ["10.0.0.0/8", "192.0.2.0/24"] };
    const message = "warning: all source ranges are IPv4: no client is let in over IPv6";
    for (const provider of ["aws", "local"] as const)
      assert.deepEqual(remarks(translate(balancerService(DUAL, ranges), { provider })), [message]);
    assert.deepEqual(remarks(translate(balancerService({}, ranges))), []);
    const both = { loadBalancerSourceRanges: ["10.0.0.0/8", "2001:db8::/32"] };
    assert.deepEqual(remarks(translate(balancerService(DUAL, both))), []);
  });

  test("instances as IPv6 targets need a primary IPv6 address", () => {
    const found = remarks(translate(balancerService(DUAL, { ipFamilies: ["IPv6"] })));
    assert.match(found.join(), /^warning: AWS takes instances as IPv6 targets only/);
  });

  test("annotations that there are not, with the one that was meant", () => {
    const next = (short: Record<string, string>) =>
      translate(balancerService(short)).findings.map((it) => it.next);
    assert.deepEqual(next({ "ip-adress-type": "dualstack" }), [`write ${AWS}ip-address-type`]);
    assert.deepEqual(next({ "proxy-protocl": "*" }), [`write ${AWS}proxy-protocol`]);
    for (const short of ["something-quite-different-from-all", "foo"])
      assert.deepEqual(next({ [short]: "x" }), ["see docs/load-balancers.md for all there are"]);
    assert.deepEqual(remarks(translate(balancerService({ "connection-draining-enabled": "true" }))), [
      "warning: only the in-tree cloud provider reads this annotation",
    ]);
    assert.deepEqual(remarks(translate(balancerService({ "example.com/aws-load-balancer-x": "1" }))), []);
    const ranges = "service.beta.kubernetes.io/load-balancer-source-ranges";
    assert.deepEqual(next({ "source-ranges": "192.0.2.0/24" }), [`write ${ranges}`]);
  });

  test("annotations that are nearly ours by their prefix; others' are others' business", () => {
    const of = (key: string) => {
      const service = balancerService();
      return translate({ ...service, metadata: { ...service.metadata, annotations: { [key]: "x" } } })
        .findings;
    };
    for (const [given, meant] of [
      ["services.beta.kubernetes.io/aws-load-balancer-scheme", `${AWS}scheme`],
      ["service.kubernetes.io/aws-load-balancer-scheme", `${AWS}scheme`],
      ["service.beta.kubernetes.io/aws-loadbalancer-schema", `${AWS}scheme`],
      ["tandem.dev/proxy-protcol", "tandem.dev/proxy-protocol"],
      ["tandem.dev/addres-pool", "tandem.dev/address-pool"],
    ] as const)
      assert.deepEqual(
        of(given).map(({ level, next }) => [level, next]),
        [["warning", `write ${meant}`]],
      );
    for (const other of [
      "tandem.dev/replaced-load-balancers",
      "tandem.dev/family-readiness",
      "tandem.dev/hostname",
      "alb.ingress.kubernetes.io/healthcheck-path",
      "service.kubernetes.io/topology-mode",
    ])
      assert.deepEqual(of(other), [], other);
  });

  test("values of another case, with the one that was meant", () => {
    const [finding] = translate(balancerService({ "ip-address-type": "DualStack" })).findings;
    assert.equal(finding?.next, "write dualstack");
  });
});

describe("Gardener's annotations", () => {
  test("are in the model", () => {
    const service = balancerService({
      "extensions.gardener.cloud/ignore-load-balancer": "true",
      "gardener.cloud/old-load-balancer-name": "old.elb.example",
    });
    assert.deepEqual(translate(service).model?.gardener, {
      ignored: true,
      oldLoadBalancer: "old.elb.example",
      dnsIgnored: false,
    });
    const paused = translate(balancerService({ "dns.gardener.cloud/ignore": "true" }));
    assert.equal(paused.model?.gardener?.dnsIgnored, true);
    assert.deepEqual(remarks(paused), ["warning: DNS names do not follow this Service's load balancer"]);
    assert.equal(translate(balancerService()).model?.gardener, undefined);
  });
});

describe("whatever the annotations", () => {
  const keys = [
    ...ALL_ANNOTATIONS.map(({ key, suffix }) => (suffix === undefined ? key : `${key}TCP-80`)),
    `${AWS}target-group-attributes.80`,
    `${AWS}nonsense`,
    "__proto__",
    "toString",
  ];
  const values = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "true",
      "*",
      "80",
      "80,443",
      "a=b,c=d",
      "{}",
      "[]",
      "null",
      "dualstack",
      "ip",
      "arn:1",
      "v1",
    ),
    fc.json(),
  );
  const given = fc.dictionary(fc.constantFrom(...keys), values, { noNullPrototype: true });
  const odd = fc.constantFrom<Partial<Service["spec"]>>(
    {},
    { ports: [UDP] },
    { ports: [] },
    { ipFamilies: ["IPv6", "IPv4"] },
    { externalTrafficPolicy: "Local", healthCheckNodePort: 32000 },
  );

  test("nothing is thrown, and a model is there or an error", () => {
    fc.assert(
      fc.property(given, odd, fc.constantFrom("aws" as const, "local" as const), (short, spec, provider) => {
        const service = balancerService({}, spec);
        service.metadata.annotations = short;
        const { model, findings, ownership } = translate(service, { provider, nodes: [node("a")] });
        if (!ownership.owned) return;
        assert.equal(
          model === undefined,
          findings.some(({ level }) => level === "error"),
        );
        for (const { message, field } of findings) assert.ok(message !== "" && field !== "");
      }),
      { numRuns: 1000 },
    );
  });

  test("the same Service gives the same answer, in whatever order its annotations are", () => {
    fc.assert(
      fc.property(given, (short) => {
        const service = balancerService();
        const other = balancerService();
        service.metadata.annotations = short;
        other.metadata.annotations = Object.fromEntries(Object.entries(short).toReversed());
        assert.deepEqual(translate(service), translate(other));
      }),
    );
  });

  test("a manifest may lack what an API server always has", () => {
    const bare = { apiVersion: "v1", kind: "Service", metadata: { name: "web" } } as unknown as Service;
    assert.equal(translate(bare).ownership.owned, false);
    const odd = balancerService();
    odd.metadata.annotations = { [`${AWS}type`]: true, [`${AWS}proxy-protocol`]: null } as never;
    odd.spec = { type: "LoadBalancer", loadBalancerClass: "tandem.dev/nlb" };
    assert.equal(translate(odd).model, undefined);
  });

  test("a manifest without node ports is no error, as its API server has yet to give them", () => {
    const service = balancerService({}, { ports: [{ protocol: "TCP", port: 80 }] });
    delete service.metadata.uid;
    assert.equal(translate(service).model?.ports[0]?.nodePort, undefined);
    assert.deepEqual(remarks(translate(service)), []);
  });
});
