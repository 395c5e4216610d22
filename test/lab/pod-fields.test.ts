/** Fields of pods that change what a process sees: kernel parameters, names, resolvers, volumes with a size. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { execToText } from "../../src/client/index.ts";
import type { Pod } from "../../src/objects/types.ts";
import { overfullVolume } from "../../src/lab/kubelet/empty-dir.ts";
import { temporaryHome, TestCluster } from "./cluster.ts";

const home = temporaryHome();
let lab: TestCluster;

before(async () => {
  lab = await TestCluster.start("fields", ["IPv4", "IPv6"], 1, { allowedUnsafeSysctls: ["net.ipv6.*"] });
});

after(async () => {
  await lab?.stop();
  home.remove();
});

const sleep = { command: ["sleep", "infinity"] };

test("sysctls are the pod's own: safe ones, and unsafe ones that the cluster allows", async () => {
  const sysctls = [
    { name: "net.ipv4.ip_local_port_range", value: "20000 20003" },
    { name: "net/ipv6/bindv6only", value: "1" },
  ];
  await lab.create("tuned", sleep, { securityContext: { sysctls } });
  await lab.create("untuned", sleep);
  await lab.ready("tuned");
  await lab.ready("untuned");
  const read = ["sh", "-c", "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/net/ipv6/bindv6only"];
  assert.match((await lab.exec("tuned", read)).out, /^20000\t20003\n1\n$/);
  assert.match((await lab.exec("untuned", read)).out, /^32768\t60999\n0\n$/);
});

test("sysctls that are not allowed fail their pod as a kubelet fails it; a value that the kernel refuses is told", async () => {
  const sysctls = [{ name: "net.core.somaxconn", value: "1" }];
  await lab.create("unsafe", sleep, { nodeName: "node-1", securityContext: { sysctls } });
  const { status } = await lab.until("unsafe", "rejected", (pod) => pod.status?.phase === "Failed");
  assert.equal(status?.reason, "SysctlForbidden");
  assert.equal(status?.message, 'Pod was rejected: forbidden sysctl: "net.core.somaxconn" not allowlisted');
  assert.match(await lab.event("unsafe", "SysctlForbidden"), /^forbidden sysctl/);
  const wrong = [{ name: "net.ipv4.ip_local_port_range", value: "many" }];
  await lab.create("wrong-value", sleep, { securityContext: { sysctls: wrong } });
  const told = await lab.event("wrong-value", "FailedCreatePodSandBox");
  assert.match(told, /sysctl net\/ipv4\/ip_local_port_range cannot be set to many/);
});

test("setHostnameAsFQDN and hostnameOverride say what a pod is called; a name that is too long is told", async () => {
  const full = { hostname: "web", subdomain: "pods", setHostnameAsFQDN: true };
  await lab.create("fqdn", sleep, full);
  await lab.create("renamed", sleep, { hostnameOverride: "other.example" });
  await lab.create("long", sleep, { ...full, hostname: "a".repeat(50) });
  await lab.ready("fqdn");
  await lab.ready("renamed");
  const names = ["sh", "-c", "hostname; cat /etc/hostname; echo $HOSTNAME"];
  const name = "web.pods.default.svc.cluster.local\n";
  assert.equal((await lab.exec("fqdn", names)).out, name.repeat(3));
  assert.equal((await lab.exec("renamed", names)).out, "other.example\n".repeat(3));
  assert.match(
    await lab.event("long", "FailedCreatePodSandBox"),
    /is too long \(64 characters is the max, 8\d /,
  );
});

test("aliases and resolvers of both families are the pod's; what a resolver leaves out is told", async () => {
  const hostAliases = [
    { ip: "192.0.2.7", hostnames: ["seven.example", "seven"] },
    { ip: "2001:db8::7", hostnames: ["seven.example"] },
  ];
  const dnsConfig = {
    nameservers: ["2001:db8::53", "192.0.2.53"],
    searches: ["lab.example"],
    options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
  };
  await lab.create("named", sleep, { hostAliases, dnsConfig });
  await lab.create("alone", sleep, { dnsPolicy: "None", dnsConfig });
  await lab.ready("named");
  await lab.ready("alone");
  const hosts = (await lab.exec("named", ["cat", "/etc/hosts"])).out;
  assert.match(hosts, /^192\.0\.2\.7\tseven\.example\tseven\n2001:db8::7\tseven\.example$/m);
  const ahosts = (await lab.exec("named", ["getent", "ahosts", "seven.example"])).out;
  assert.match(ahosts, /2001:db8::7/);
  assert.match(ahosts, /192\.0\.2\.7/);
  const { out } = await lab.exec("named", ["cat", "/etc/resolv.conf"]);
  assert.match(out, /^search default\.svc\.cluster\.local .* lab\.example$/m);
  assert.match(
    out,
    /nameserver 10\.96\.0\.10\nnameserver fd00:10:96::a\nnameserver 2001:db8::53\noptions ndots:2 edns0\n/,
  );
  assert.equal(
    await lab.event("named", "DNSConfigForming"),
    "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 fd00:10:96::a 2001:db8::53",
  );
  const alone = (await lab.exec("alone", ["cat", "/etc/resolv.conf"])).out;
  assert.equal(
    alone,
    "search lab.example\nnameserver 2001:db8::53\nnameserver 192.0.2.53\noptions ndots:2 edns0\n",
  );
});

test("the addresses of both families come to a container by the downward API", async () => {
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const env = [
    field("PODS", "status.podIPs"),
    field("HOSTS", "status.hostIPs"),
    field("POD", "status.podIP"),
  ];
  await lab.create("told", { ...sleep, env });
  const { status } = await lab.ready("told");
  const ips = (status?.podIPs ?? []).map(({ ip }) => ip);
  assert.equal(ips.length, 2);
  const { out } = await lab.exec("told", ["sh", "-c", "echo $PODS; echo $HOSTS; echo $POD"]);
  assert.equal(out, `${ips.join(",")}\n172.18.0.2,fd00:172:18::2\n${ips[0]}\n`);
});

test("an emptyDir in memory is a file system of its size, shared by the pod's containers", async () => {
  const volumes = [{ name: "cache", emptyDir: { medium: "Memory", sizeLimit: "2Mi" } }];
  const volumeMounts = [{ name: "cache", mountPath: "/cache" }];
  const other = { name: "other", image: "busybox", ...sleep, volumeMounts };
  const main = { name: "main", image: "busybox", ...sleep, volumeMounts };
  await lab.create("cached", {}, { volumes, containers: [main, other] });
  await lab.ready("cached");
  const inContainer = (container: string, script: string) =>
    execToText(lab.client, { namespace: "default", pod: "cached", container, command: ["sh", "-c", script] });
  const size = await inContainer("main", "stat -f -c %T /cache; df -k --output=size /cache | tail -1");
  assert.match(size.out, /^tmpfs\n +2048\n$/);
  assert.equal((await inContainer("main", "head -c 1000000 /dev/zero > /cache/some")).code, 0);
  assert.match((await inContainer("main", "head -c 3000000 /dev/zero > /cache/more")).err, /No space left/);
  assert.equal((await inContainer("other", "wc -c < /cache/some")).out, "1000000\n");
});

test("a pod whose emptyDir holds more than its limit is evicted", async () => {
  const fill = { command: ["sh", "-c", "head -c 2000000 /dev/zero > /data/file; exec sleep infinity"] };
  const volumeMounts = [{ name: "data", mountPath: "/data" }];
  const volumes = [{ name: "data", emptyDir: { sizeLimit: "1Mi" } }];
  await lab.create("greedy", { ...fill, volumeMounts }, { volumes });
  const { status } = await lab.until("greedy", "evicted", (pod) => pod.status?.phase === "Failed");
  assert.equal(status?.reason, "Evicted");
  assert.equal(status?.message, 'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ');
  assert.match(await lab.event("greedy", "Evicted"), /^Usage of EmptyDir volume "data"/);
});

test("what counts is what the files of a volume take, and only where there is a limit", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-volume-"));
  const abort = new AbortController();
  try {
    writeFileSync(join(folder, "file"), Buffer.alloc(100_000));
    const pod = (volume: object) =>
      ({ metadata: { name: "p" }, spec: { volumes: [{ name: "v", emptyDir: volume }] } }) as unknown as Pod;
    const look = (volume: object) => overfullVolume(pod(volume), () => folder, abort.signal, 1);
    assert.equal((await look({ sizeLimit: "90k" }))?.reason, "Evicted");
    assert.equal(await look({}), undefined);
    assert.equal(await look({ sizeLimit: "0" }), undefined);
    const within = look({ sizeLimit: "1Mi" });
    setTimeout(() => abort.abort(), 50);
    assert.equal(await within, undefined);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
