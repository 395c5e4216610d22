import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { CODES, fieldOf, judgeBalancer, judgeManifest } from "../../src/diagnosis/manifests/index.ts";
import type { Family } from "../../src/ip/family.ts";

type Families = readonly [Family] | readonly [Family, Family];
const BOTH: Families = ["IPv4", "IPv6"];

/** `level code field` of each remark. */
function remarks(object: unknown, families: Families = BOTH): string[] {
  return judgeManifest(object, families).map(({ level, code, path }) => `${level} ${code} ${fieldOf(path)}`);
}

const pod = (container: object, spec: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  spec: { containers: [{ name: "c", image: "registry.example/app:1", ...container }], ...spec },
});
const map = (data: object, name = "files") => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
});
const service = (spec: object, annotations: object = {}) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "s", annotations },
  spec: { selector: { app: "s" }, ports: [{ port: 80 }], ...spec },
});

/** Whether the first container is said to hear one family, and the texts of it. */
function listening(container: object): string[] {
  return judgeManifest(pod(container), BOTH)
    .filter(({ code }) => code === "listens-one-family")
    .map(({ message }) => message);
}

describe("programs that listen at one family", () => {
  const one: readonly (readonly [string, object, RegExp])[] = [
    [
      "a flag with =",
      { args: ["--listen=0.0.0.0:8080"] },
      /--listen=0\.0\.0\.0:8080 hears IPv4 alone.*Go or Java/,
    ],
    ["a flag and its value", { args: ["--host", "0.0.0.0"] }, /^--host 0\.0\.0\.0 hears IPv4 alone/],
    ["uvicorn", { command: ["uvicorn", "a:b", "--host", "0.0.0.0"] }, /uvicorn refuses clients over IPv6/],
    [
      "uvicorn on ::, which asyncio makes IPv6 only",
      { command: ["uvicorn", "a:b", "--host=::"] },
      /hears IPv6 alone/,
    ],
    ["gunicorn without a host", { command: ["gunicorn", "-b", ":8000", "a:b"] }, /gunicorn refuses/],
    ["Django", { command: ["python", "manage.py", "runserver", "0.0.0.0:8000"] }, /Django refuses/],
    ["redis by its image", { image: "redis:7", args: ["--bind", "0.0.0.0"] }, /redis refuses/],
    [
      "MongoDB, which opens no IPv6 socket by itself",
      { image: "docker.io/library/mongo:7" },
      /without --ipv6/,
    ],
    [
      ".NET by its variable",
      { env: [{ name: "ASPNETCORE_URLS", value: "http://0.0.0.0:80" }] },
      /\.NET refuses/,
    ],
    [
      "a variable",
      { env: [{ name: "BIND_ADDR", value: "0.0.0.0:80" }] },
      /BIND_ADDR=0\.0\.0\.0:80 hears IPv4 alone/,
    ],
    ["a script", { command: ["sh", "-c", "sleep 1\nexec flask run --host=0.0.0.0"] }, /flask refuses/],
    [
      "the pod's first address",
      {
        env: [{ name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
        args: ["--secure-listen-address=[$(IP)]:9100"],
      },
      /is one address, the first \(status\.podIP\)/,
    ],
  ];
  for (const [name, container, message] of one)
    it(name, () => {
      const found = listening(container);
      assert.equal(found.length, 1);
      assert.match(found[0] ?? "", message);
    });

  const both: readonly (readonly [string, object])[] = [
    ["no host", { args: ["--listen=:8080"] }],
    ["[::]", { args: ["--listen=[::]:8080"] }],
    ["both addresses", { args: ["--bind", "0.0.0.0:80", "--bind", "[::]:80"] }],
    ["redis with both", { command: ["redis-server", "--bind", "0.0.0.0", "::"] }],
    [
      "Go, whose net takes 0.0.0.0 for every address",
      { image: "quay.io/prometheus/x:v1", args: ["--web.listen-address=0.0.0.0:9090"] },
    ],
    ["Go by its manner of flags", { args: ["-addr=0.0.0.0:80"] }],
    ["Java", { image: "apache/kafka:4", env: [{ name: "LISTEN_ADDRESS", value: "0.0.0.0" }] }],
    ["an address that others are told", { args: ["--advertise-address=0.0.0.0"] }],
    ["a range", { args: ["--allow=0.0.0.0/0"], env: [{ name: "TRUSTED_PROXY_IP", value: "0.0.0.0" }] }],
    ["a client", { command: ["sh", "-c", "curl -s --url 0.0.0.0:80"] }],
    ["loopback", { args: ["--bind=127.0.0.1:80"] }],
    ["MongoDB with IPv6", { image: "mongo:7", args: ["--bind_ip_all", "--ipv6"] }],
    ["a client of MongoDB", { image: "mongo:7", command: ["mongosh", "db"] }],
  ];
  for (const [name, container] of both) it(`not: ${name}`, () => assert.deepEqual(listening(container), []));

  it("judges for the families of the cluster", () => {
    const bound = pod({ args: ["--host=0.0.0.0"] });
    assert.deepEqual(remarks(bound, ["IPv4"]), []);
    assert.deepEqual(remarks(bound, ["IPv6"]), ["warning listens-one-family spec.containers[0].args[0]"]);
  });

  it("finds pods in templates of Deployments and CronJobs", () => {
    const { spec } = pod({ args: ["--host=0.0.0.0"] });
    const where = "spec.template.spec.containers[0].args[0]";
    const deployment = { kind: "Deployment", spec: { template: { spec } } };
    const cron = { kind: "CronJob", spec: { jobTemplate: deployment } };
    assert.deepEqual(remarks(deployment), [`warning listens-one-family ${where}`]);
    assert.deepEqual(remarks(cron), [`warning listens-one-family spec.jobTemplate.${where}`]);
  });
});

describe("settings of pods", () => {
  it("finds Java, sysctls, resolvers and probes of one family", () => {
    const spec = {
      securityContext: { sysctls: [{ name: "net.ipv6.conf.all.disable_ipv6", value: "1" }] },
      dnsConfig: { options: [{ name: "no-aaaa" }] },
    };
    const container = {
      env: [{ name: "JAVA_OPTS", value: "-Xmx1g -Djava.net.preferIPv4Stack=true" }],
      livenessProbe: { exec: { command: ["sh", "-c", "wget -q http://127.0.0.1:80/"] } },
      readinessProbe: { httpGet: { host: "127.0.0.1", port: 80 } },
      startupProbe: { httpGet: { path: "/", port: 80 } },
    };
    assert.deepEqual(remarks(pod(container, spec)), [
      "warning ipv6-off spec.securityContext.sysctls[0]",
      "warning aaaa-withheld spec.dnsConfig.options[0]",
      "warning java-one-family spec.containers[0].env[0].value",
      "note probe-one-family spec.containers[0].livenessProbe.exec.command[2]",
      "note probe-one-family spec.containers[0].readinessProbe.httpGet.host",
    ]);
  });

  it("judges the flags of components in static pods", () => {
    const flags = (range: string) =>
      pod({ command: ["kube-apiserver", `--service-cluster-ip-range=${range}`] });
    assert.deepEqual(remarks(flags("10.96.0.0/16")), [
      "note cluster-one-family spec.containers[0].command[1]",
    ]);
    assert.deepEqual(remarks(pod({ args: ["--kubelet-service=kube-system/kubelet"] })), []);
    const [refused] = judgeManifest(pod({ command: ["kubelet", "--node-ip=fe80::1,fe80::2"] }), BOTH);
    assert.deepEqual([refused?.level, refused?.code], ["error", "flags-refused"]);
  });
});

describe("Services", () => {
  it("a word of families missing is a note, a contradiction an error in the API server's words", () => {
    assert.deepEqual(remarks(service({})), ["note service-one-family spec"]);
    assert.deepEqual(remarks(service({}), ["IPv4"]), []);
    assert.deepEqual(remarks(service({ ipFamilyPolicy: "SingleStack" })), [
      "note service-one-family spec.ipFamilyPolicy",
    ]);
    assert.deepEqual(remarks(service({ ipFamilyPolicy: "PreferDualStack" })), []);
    assert.deepEqual(remarks(service({ type: "ExternalName", externalName: "a.example" })), []);
    const twice = { ipFamilies: ["IPv4", "IPv6"] };
    const [error] = judgeManifest(service(twice), BOTH);
    assert.match(
      error?.message ?? "",
      /must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families/,
    );
    const wrong = {
      ipFamilyPolicy: "PreferDualStack",
      ipFamilies: ["IPv6", "IPv4"],
      clusterIP: "10.0.0.1",
      clusterIPs: ["10.0.0.1", "fd00::1"],
    };
    assert.match(remarks(service(wrong))[0] ?? "", /^error service-refused spec\.clusterIPs\[0\]/);
    assert.deepEqual(remarks(service({ ipFamilyPolicy: "RequireDualStack" }), ["IPv6"]), [
      "error service-refused spec.ipFamilyPolicy",
    ]);
    const [misspelt] = judgeManifest(service({ ipFamilyPolicy: "Dual" }), BOTH);
    assert.match(
      `${misspelt?.message}; ${misspelt?.next}`,
      /supported values: "PreferDualStack".*; write one of these/,
    );
    assert.deepEqual(remarks(service({ ipFamilies: "IPv4" })), ["error service-refused spec.ipFamilies"]);
  });

  it("addresses and ranges of a family that it lacks, or that only one has", () => {
    const v6 = {
      ipFamilyPolicy: "SingleStack",
      ipFamilies: ["IPv4"],
      externalIPs: ["192.0.2.1", "2001:db8::1"],
    };
    assert.ok(remarks(service(v6)).includes("warning service-address-family spec.externalIPs[1]"));
    const dual = { type: "LoadBalancer", ipFamilyPolicy: "PreferDualStack" };
    const ranges = (...list: string[]) => remarks(service({ ...dual, loadBalancerSourceRanges: list }));
    assert.deepEqual(ranges("192.0.2.0/24"), [
      "warning source-ranges-one-family spec.loadBalancerSourceRanges",
    ]);
    assert.deepEqual(ranges("192.0.2.0/24", "2001:db8::/32"), []);
  });

  it("annotations of the AWS controller in its own words", () => {
    const key = "service.beta.kubernetes.io/aws-load-balancer-";
    const annotations = {
      [`${key}type`]: "external",
      [`${key}nlb-target-type`]: "instance",
      [`${key}scheme`]: "wide",
    };
    const [finding] = judgeBalancer(service({ type: "LoadBalancer" }, annotations));
    assert.deepEqual([finding?.level, finding?.code], ["error", "balancer-settings"]);
    assert.deepEqual(finding?.path, ["metadata", "annotations", `${key}scheme`]);
    assert.deepEqual(judgeBalancer(service({ type: "LoadBalancer" })), []);
  });
});

describe("files in ConfigMaps", () => {
  const lines = (data: Record<string, string>, name?: string) =>
    judgeManifest(map(data, name), BOTH).map(({ textLine, message }) => `${textLine}: ${message}`);

  it("nginx: each server by its own listen lines", () => {
    const text = `
# listen 1;
http {
  server { listen 80; listen [::]:80; }
  server {
    listen 8080 default_server;
    location / { return 200 "x"; }
  }
  server { listen [::]:81; }
  server { listen [::]:82 ipv6only=off; }
  server { listen \${PORT} ssl; }
  server { listen 127.0.0.1:83; listen unix:/run/x; }
  upstream u { server 10.0.0.1:80; }
}`;
    assert.deepEqual(lines({ "nginx.conf": text }), [
      "5: nginx: listen 8080 default_server; hears IPv4 alone",
      "8: nginx: listen [::]:81; hears IPv6 alone",
      "10: nginx: listen $PORT ssl; hears IPv4 alone",
    ]);
  });

  const files: readonly (readonly [string, string, string | undefined])[] = [
    ["redis.conf", "bind 0.0.0.0", "redis hears IPv4 alone"],
    ["redis.conf", "bind 0.0.0.0 ::", undefined],
    ["redis.conf", "bind * -::*", undefined],
    ["haproxy.cfg", "frontend a\n  bind *:80", "HAProxy hears IPv4 alone"],
    ["haproxy.cfg", "frontend a\n  bind :80\n  bind :::80 v6only", undefined],
    ["postgresql.conf", "listen_addresses = '0.0.0.0'", "PostgreSQL hears IPv4 alone"],
    ["postgresql.conf", "listen_addresses = '*'", undefined],
    ["pg_hba.conf", "host all all 0.0.0.0/0 md5", "no IPv6 client"],
    ["pg_hba.conf", "host all all 0.0.0.0/0 md5\nhost all all ::/0 md5", undefined],
    ["my.cnf", "[mysqld]\nbind-address=0.0.0.0", "MySQL hears IPv4 alone"],
    ["mongod.conf", "net:\n  bindIp: 0.0.0.0", "MongoDB hears IPv4 alone"],
    ["mongod.conf", "net:\n  bindIpAll: true\n  ipv6: true", undefined],
    ["www.conf", "listen = 0.0.0.0:9000", "php-fpm hears IPv4 alone"],
    ["Corefile", ".:53 {\n  template ANY AAAA {\n    rcode NXDOMAIN\n  }\n}", "answers AAAA with nothing"],
    ["Corefile", ".:53 {\n  kubernetes cluster.local in-addr.arpa\n}", "(PTR) are not answered"],
    ["Corefile", ".:53 {\n  kubernetes cluster.local in-addr.arpa ip6.arpa\n}", undefined],
    ["enable-ipv6", "false", "Cilium gives pods no IPv6"],
    [
      "net-conf.json",
      '{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}',
      "flannel gives pods IPv4 alone",
    ],
    ["LISTEN_ADDR", "0.0.0.0:80", "hears IPv4 alone"],
    ["otel.yaml", "receivers:\n  otlp:\n    endpoint: 0.0.0.0:4317", undefined],
  ];
  for (const [key, text, message] of files)
    it(`${key}: ${JSON.stringify(text)}`, () => {
      const found = lines({ [key]: text });
      assert.equal(found.length, message === undefined ? 0 : 1, found.join("\n"));
      assert.ok((found[0] ?? "").includes(message ?? ""), found[0]);
    });

  it("Envoys", () => {
    const bootstrap = `
static_resources:
  listeners:
  - name: health
    address: {socket_address: {address: 0.0.0.0, port_value: 19003}}`;
    assert.match(
      lines({ "envoy.yaml": bootstrap })[0] ?? "",
      /listener health: 0\.0\.0\.0:19003 hears IPv4 alone/,
    );
  });
});

describe("policies, clusters and gateways", () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      "a policy that allows all of one family",
      `{kind: NetworkPolicy, spec: {ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: "::/0"}}]}]}}`,
      ["warning policy-one-family spec.ingress[0].from"],
    ],
    [
      "a policy with ranges of one family; hosts are meant",
      `{kind: NetworkPolicy, spec: {ingress: [{from: [{ipBlock: {cidr: "fd00::/8"}}, {podSelector: {}}]}, {from: [{ipBlock: {cidr: 192.0.2.1/32}}]}]}}`,
      ["note policy-one-family spec.ingress[0].from"],
    ],
    [
      "Istio's lists of clients",
      `{kind: AuthorizationPolicy, spec: {rules: [{from: [{source: {ipBlocks: [0.0.0.0/0], notIpBlocks: [10.0.0.0/8]}}]}]}}`,
      ["warning policy-one-family spec.rules[0].from[0].source.ipBlocks"],
    ],
    [
      "an Ingress for clients of one family",
      `{kind: Ingress, apiVersion: networking.k8s.io/v1, metadata: {annotations: {alb.ingress.kubernetes.io/scheme: internet-facing, alb.ingress.kubernetes.io/inbound-cidrs: 0.0.0.0/0}}}`,
      [
        "warning policy-one-family metadata.annotations[alb.ingress.kubernetes.io/inbound-cidrs]",
        "note balancer-one-family metadata.annotations",
      ],
    ],
    [
      "kind",
      "{kind: Cluster, apiVersion: kind.x-k8s.io/v1alpha4, networking: {ipFamily: ipv6}}",
      ["note cluster-one-family networking.ipFamily"],
    ],
    [
      "kind with both",
      "{kind: Cluster, apiVersion: kind.x-k8s.io/v1alpha4, networking: {ipFamily: dual}}",
      [],
    ],
    [
      "kubeadm with one subnet of one family",
      `{kind: ClusterConfiguration, apiVersion: kubeadm.k8s.io/v1beta4, networking: {podSubnet: "10.244.0.0/16,fd00::/56", serviceSubnet: 10.96.0.0/16}}`,
      ["error cluster-one-family networking.serviceSubnet"],
    ],
    [
      "Cluster API",
      `{kind: Cluster, apiVersion: cluster.x-k8s.io/v1beta1, spec: {clusterNetwork: {pods: {cidrBlocks: [10.0.0.0/8, "fd00::/48"]}, services: {cidrBlocks: [10.96.0.0/16]}}}}`,
      ["note cluster-one-family spec.clusterNetwork.services.cidrBlocks"],
    ],
    [
      "flags in kubeadm's configuration",
      `{kind: ClusterConfiguration, apiVersion: kubeadm.k8s.io/v1beta4, apiServer: {extraArgs: [{name: service-cluster-ip-range, value: "10.96.0.0/16,10.97.0.0/16"}]}}`,
      ["error flags-refused apiServer.extraArgs"],
    ],
    [
      "Envoy Gateway",
      "{kind: EnvoyProxy, apiVersion: gateway.envoyproxy.io/v1alpha1, spec: {ipFamily: IPv4}}",
      ["warning gateway-one-family spec.ipFamily"],
    ],
    [
      "Envoy Gateway with both",
      "{kind: EnvoyProxy, apiVersion: gateway.envoyproxy.io/v1alpha1, spec: {ipFamily: DualStack}}",
      [],
    ],
    [
      "Istio's bind",
      "{kind: Gateway, apiVersion: networking.istio.io/v1, spec: {servers: [{bind: 0.0.0.0}]}}",
      ["warning gateway-one-family spec.servers[0].bind"],
    ],
    [
      "a pool of MetalLB's",
      "{kind: IPAddressPool, apiVersion: metallb.io/v1beta1, spec: {addresses: [192.0.2.1-192.0.2.9]}}",
      ["note pool-one-family spec.addresses"],
    ],
    [
      "a pool with both",
      `{kind: IPAddressPool, apiVersion: metallb.io/v1beta1, spec: {addresses: [192.0.2.0/28, "2001:db8::/124"]}}`,
      [],
    ],
  ];
  for (const [name, text, expected] of cases)
    it(name, () => assert.deepEqual(remarks(parse(text)), expected));
});

it("docs/check.md lists every code with its meaning", () => {
  const page = readFileSync(new URL("../../docs/check.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z0-9-]+)` \| (.*) \|$/gm)].map(([, code, meaning]) => [
    code,
    meaning,
  ]);
  assert.deepEqual(Object.fromEntries(rows.filter(([, meaning]) => !meaning?.includes(" | "))), CODES);
});

it("never throws, whatever stands where something is read", () => {
  const odd = [null, 0, "x", [], [null], {}, { a: null }, [[]], true, "0.0.0.0"];
  const kinds = [
    service({ type: "LoadBalancer" }),
    pod({ args: ["a"], env: [{ name: "HOST", value: "x" }] }),
    map({ A: "b" }),
  ];
  for (const kind of kinds)
    for (const path of pathsOf(kind))
      for (const value of odd) judgeManifest(replaced(kind, path, value), BOTH);
});

function pathsOf(value: unknown): string[][] {
  if (typeof value !== "object" || value === null) return [[]];
  return [
    [],
    ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner).map((path) => [key, ...path])),
  ];
}

function replaced(value: unknown, [key, ...path]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = structuredClone(value) as Record<string, unknown>;
  copy[key] = replaced(copy[key], path, by);
  return copy;
}
