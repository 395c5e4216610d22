import assert from "node:assert/strict";
import { test } from "node:test";
import type { FieldError } from "../../src/objects/field-errors.ts";
import {
  ipAddressNameProblems,
  validateIPAddress,
  validateIPAddressUpdate,
} from "../../src/objects/ip-address.ts";
import {
  addressWarnings,
  canonicalAsGo,
  checkStrictCidr,
  cidrWarnings,
  familyAsGo,
  parseCidrAsGo,
} from "../../src/objects/ip-text.ts";
import {
  defaultService,
  serviceStatusWarnings,
  serviceWarnings,
  validateService,
  validateServiceStatusUpdate,
  validateServiceUpdate,
} from "../../src/objects/service/index.ts";
import { validateServiceCidr, validateServiceCidrUpdate } from "../../src/objects/service-cidr.ts";
import type { IPAddress, Service, ServiceCIDR } from "../../src/objects/types.ts";

// biome-ignore lint/suspicious/noExplicitAny: specs here are wrong on purpose
type Loose = any;

function service(spec: Loose, more: Loose = {}): Service {
  const object = { apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec, ...more };
  defaultService(object);
  return object;
}

function texts(errors: readonly FieldError[]): string[] {
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

const IPS = {
  clusterIP: "10.0.0.1",
  clusterIPs: ["10.0.0.1"],
  ipFamilies: ["IPv4"],
  ipFamilyPolicy: "SingleStack",
};
const PORTS = [{ port: 80 }];

test("defaults depend on the type, and doing them twice changes nothing", () => {
  const cluster = service({ ports: [{ port: 80, targetPort: "" }], sessionAffinityConfig: {} });
  assert.deepEqual(cluster.spec, {
    type: "ClusterIP",
    ports: [{ port: 80, targetPort: 80, protocol: "TCP" }],
    sessionAffinity: "None",
    internalTrafficPolicy: "Cluster",
  });
  const balancer = service(
    { type: "LoadBalancer", sessionAffinity: "ClientIP" },
    { status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { hostname: "a.b" }] } } },
  );
  assert.deepEqual(balancer.spec, {
    type: "LoadBalancer",
    sessionAffinity: "ClientIP",
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
    externalTrafficPolicy: "Cluster",
    internalTrafficPolicy: "Cluster",
    allocateLoadBalancerNodePorts: true,
  });
  assert.deepEqual(balancer.status?.loadBalancer?.ingress, [
    { ip: "192.0.2.1", ipMode: "VIP" },
    { hostname: "a.b" },
  ]);
  assert.equal(service({ externalIPs: ["192.0.2.1"] }).spec.externalTrafficPolicy, "Cluster");
  assert.deepEqual(service({ type: "ExternalName" }).spec, { type: "ExternalName", sessionAffinity: "None" });
  const before = structuredClone(balancer);
  defaultService(balancer);
  assert.deepEqual(balancer, before);
});

test("a sound Service has no errors", () => {
  assert.deepEqual(validateService(service({ ...IPS, ports: PORTS, selector: { app: "x" } })), []);
  assert.deepEqual(validateService(service({ type: "ExternalName", externalName: "example.com." })), []);
});

test("ports are checked one by one and against each other", () => {
  const ports = [
    { port: 0, name: "a.b", protocol: "tcp" },
    { port: 80, name: "http", targetPort: "--" },
    { port: 80, name: "http", nodePort: 30_000, appProtocol: "a/b/c" },
  ];
  assert.deepEqual(
    texts(validateService(service({ ...IPS, ports }))).map((text) => text.slice(0, 78)),
    [
      'spec.ports[0].name: Invalid value: "a.b": must not contain dots',
      "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
      'spec.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TC',
      "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclu",
      'spec.ports[1].targetPort: Invalid value: "--": must contain at least one letter',
      'spec.ports[1].targetPort: Invalid value: "--": must not contain consecutive hyp',
      'spec.ports[1].targetPort: Invalid value: "--": must not begin or end with a hyp',
      'spec.ports[2].name: Duplicate value: "http"',
      'spec.ports[2].appProtocol: Invalid value: "a/b/c": a valid label key must consi',
      "spec.ports[2].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
      'spec.ports[2]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Por',
    ].map((text) => text.slice(0, 78)),
  );
});

test("what only load balancers may have", () => {
  const spec = {
    ...IPS,
    ports: PORTS,
    loadBalancerSourceRanges: [" 10.0.0.0/8", "10.0.0.1"],
    loadBalancerClass: "a",
    allocateLoadBalancerNodePorts: true,
    healthCheckNodePort: 30_000,
    externalTrafficPolicy: "Local",
  };
  assert.deepEqual(texts(validateService(service(spec))), [
    "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    'spec.LoadBalancerSourceRanges[1]: Invalid value: "10.0.0.1": must be a valid CIDR value, ' +
      "(e.g. 10.9.8.0/24 or 2001:db8::/64)",
    "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
    "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
    'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and " +
      "`externalTrafficPolicy` is 'Local'",
  ]);
});

test("external addresses may not be special", () => {
  const errors = (ip: string): string[] =>
    validateService(service({ ...IPS, ports: PORTS, externalIPs: [ip] })).map(({ message }) =>
      message.replace(/^Invalid value: "[^"]*": /, ""),
    );
  assert.deepEqual(errors("::"), ["may not be unspecified (::)"]);
  assert.deepEqual(errors("127.1.2.3"), ["may not be in the loopback range (127.0.0.0/8, ::1/128)"]);
  assert.deepEqual(errors("fe80::1"), ["may not be in the link-local range (169.254.0.0/16, fe80::/10)"]);
  assert.deepEqual(errors("ff02::1"), [
    "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
  ]);
  assert.deepEqual(errors("x"), ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]);
  assert.deepEqual(errors("2001:db8::1"), []);
});

test("updates: class and health-check port stay, and with them first address and family", () => {
  const balancer = { ...IPS, ports: PORTS, type: "LoadBalancer", externalTrafficPolicy: "Local" };
  const before = service({ ...balancer, loadBalancerClass: "a", healthCheckNodePort: 30_000 });
  const after = service({ ...balancer, loadBalancerClass: "b", healthCheckNodePort: 30_001 });
  assert.deepEqual(texts(validateServiceUpdate(after, before)), [
    'spec.loadBalancerClass: Invalid value: "b": may not change once set',
    "spec.healthCheckNodePort: Forbidden: field is immutable",
  ]);
  const dual = service({
    ports: PORTS,
    clusterIP: "fd00::1",
    clusterIPs: ["fd00::1", "10.0.0.1"],
    ipFamilies: ["IPv6", "IPv4"],
    ipFamilyPolicy: "RequireDualStack",
  });
  assert.deepEqual(texts(validateServiceUpdate(dual, service({ ...IPS, ports: PORTS }))), [
    'spec.clusterIPs[0]: Invalid value: ["fd00::1","10.0.0.1"]: may not change once set',
    'spec.ipFamilies[0]: Invalid value: ["fd00::1","10.0.0.1"]: may not change once set',
  ]);
  const one = service({ ...IPS, ipFamilyPolicy: "PreferDualStack", ports: PORTS });
  const two = service({ ...one.spec, clusterIPs: ["10.0.0.1", "fd00::1"], ipFamilies: ["IPv4", "IPv6"] });
  assert.deepEqual(texts(validateServiceUpdate(one, two)), [
    "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the " +
      "secondary clusterIP",
    "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the " +
      "secondary ipFamily",
  ]);
});

test("the status of a load balancer", () => {
  const status = (ingress: Loose[], type = "LoadBalancer"): string[] => {
    const object: Loose = { metadata: {}, spec: { type }, status: { loadBalancer: { ingress } } };
    return texts(validateServiceStatusUpdate(object, { ...object, status: {} }));
  };
  const path = "status.loadBalancer.ingress";
  assert.deepEqual(status([{ ip: "192.0.2.1", ipMode: "Proxy" }, { hostname: "a.example" }]), []);
  assert.deepEqual(status([{ ip: "192.0.2.1", ipMode: "VIP" }], "NodePort"), [
    `${path}: Forbidden: may only be used when \`spec.type\` is 'LoadBalancer'`,
  ]);
  assert.deepEqual(status([{ ip: "192.0.2.1" }, { ipMode: "VIP" }, { hostname: "::1" }]).length, 4);
});

test("warnings", () => {
  const headless = service({
    clusterIP: "None",
    clusterIPs: ["None"],
    sessionAffinity: "ClientIP",
    externalName: "x",
  });
  assert.deepEqual(serviceWarnings(headless), [
    "spec.SessionAffinity is ignored for headless services",
    'spec.externalName is ignored when spec.type is not "ExternalName"',
  ]);
  assert.deepEqual(serviceWarnings(service({ ...IPS, trafficDistribution: "PreferClose" })), [
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  ]);
  const annotated = (mode: string) => ({
    ...service(IPS),
    metadata: { name: "web", annotations: { "tandem.dev/family-readiness": mode } },
  });
  assert.deepEqual(serviceWarnings(annotated("report")), []);
  assert.deepEqual(serviceWarnings(annotated("Enforce")), [
    'metadata.annotations[tandem.dev/family-readiness]: "Enforce" is ignored; use "enforce" or "report"',
  ]);
  assert.deepEqual(addressWarnings("f", "010.0.0.1"), [
    'f: non-standard IP address "010.0.0.1" will be considered invalid in a future Kubernetes release: use "10.0.0.1"',
  ]);
  assert.deepEqual(cidrWarnings("f", "10.0.0.1/8"), [
    'f: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)',
  ]);
  assert.deepEqual(cidrWarnings("f", "FD00::/8"), [
    'f: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical format ("fd00::/8")',
  ]);
});

test("warnings about a status", () => {
  const ingress = [{ hostname: "a.b" }, { ip: "192.0.2.1" }, { ip: "01.2.3.4" }, { ip: "2001:DB8::1" }];
  const texts = serviceStatusWarnings(service({}, { status: { loadBalancer: { ingress } } }));
  assert.deepEqual(texts, [
    'status.loadBalancer.ingress[2]: non-standard IP address "01.2.3.4" will be considered invalid in a future ' +
      'Kubernetes release: use "1.2.3.4"',
    'status.loadBalancer.ingress[3]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ' +
      '("2001:db8::1")',
  ]);
});

test("addresses in text are read as Go's net.IP reads them", () => {
  assert.deepEqual(
    ["10.0.0.01", "::ffff:10.0.0.1", "::FFFF:a00:1", "fd00::ffff", "fe80::1%eth0", "1.2.3"].map(familyAsGo),
    ["IPv4", "IPv4", "IPv4", "IPv6", undefined, undefined],
  );
  assert.equal(canonicalAsGo("::ffff:a00:1"), "10.0.0.1");
  assert.equal(parseCidrAsGo("::ffff:10.0.0.0/104")?.cidr.prefix, 8);
  assert.equal(parseCidrAsGo("::ffff:10.0.0.0/24"), undefined);
  assert.equal(parseCidrAsGo("10.0.0.0/33"), undefined);
});

test("ServiceCIDRs: canonical, one of each family, and unchangeable but for a second network", () => {
  const object = (...cidrs: string[]): ServiceCIDR =>
    ({ metadata: { name: "a" }, spec: { cidrs } }) as ServiceCIDR;
  assert.deepEqual(validateServiceCidr(object("10.0.0.0/24", "fd00::/112")), []);
  assert.deepEqual(texts(validateServiceCidr(object("10.0.0.0/24", "fd00::/64", "fd01::/64"))), [
    'spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/24","fd00::/64","fd01::/64"]}: may only hold up to 2 values',
  ]);
  const problem = (text: string): string | undefined =>
    checkStrictCidr("f", text)[0]?.message.replace(/^Invalid value: "[^"]*": /, "");
  assert.equal(problem("10.0.0.1/24"), "must not have bits set beyond the prefix length");
  assert.equal(problem("10.0.0.0/08"), "must not have leading 0s in IP or prefix length");
  assert.equal(problem("::ffff:10.0.0.0/104"), "must not have an IPv4-mapped IPv6 address");
  assert.equal(problem("FD00::/8"), 'must be in canonical form ("fd00::/8")');
  const stored = object("10.0.0.0/24");
  assert.deepEqual(validateServiceCidrUpdate(object("10.0.0.0/24", "fd00::/112"), stored), []);
  assert.deepEqual(texts(validateServiceCidrUpdate(object("fd00::/112", "10.0.0.0/24"), stored)), [
    'spec.cidrs[0]: Invalid value: "fd00::/112": field is immutable',
  ]);
  assert.deepEqual(texts(validateServiceCidr(object("10.0.0.0/24", "10.0.1.0/24"))), [
    'spec.cidrs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one IP for each IP family, ' +
      "i.e 192.168.0.0/24 and 2001:db8::/64",
  ]);
  assert.deepEqual(texts(validateServiceCidrUpdate(object("10.0.1.0/24"), stored)), [
    'spec.cidrs[0]: Invalid value: "10.0.1.0/24": field is immutable',
  ]);
  assert.deepEqual(texts(validateServiceCidrUpdate(stored, object("10.0.0.0/24", "fd00::/112"))), [
    'spec.cidrs: Invalid value: ["10.0.0.0/24"]: field is immutable',
  ]);
});

test("IPAddresses: canonical names, a parent, and no other one ever", () => {
  const object = (parentRef: object): IPAddress =>
    ({ metadata: { name: "::1" }, spec: { parentRef } }) as IPAddress;
  assert.deepEqual(ipAddressNameProblems("2001:db8::1"), []);
  assert.deepEqual(ipAddressNameProblems("2001:DB8::1"), ['must be in canonical form ("2001:db8::1")']);
  assert.deepEqual(texts(validateIPAddress({ metadata: {}, spec: {} } as IPAddress)), [
    "spec.parentRef: Required value",
  ]);
  assert.deepEqual(texts(validateIPAddress(object({ resource: "a/b", name: ".." }))), [
    "spec.parentRef.resource: Invalid value: \"a/b\": may not contain '/'",
    "spec.parentRef.name: Invalid value: \"..\": may not be '..'",
  ]);
  const stored = object({ resource: "services", name: "a" });
  assert.deepEqual(
    validateIPAddressUpdate(object({ group: "", name: "a", resource: "services" }), stored),
    [],
  );
  assert.deepEqual(texts(validateIPAddressUpdate(object({ resource: "services", name: "b" }), stored)), [
    'spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"","Name":"b"}: field is immutable',
  ]);
});
