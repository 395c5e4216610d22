import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseCidr } from "../../src/ip/cidr.ts";
import {
  commandLine,
  type LabImages,
  lastPart,
  programOf,
  UnknownImage,
} from "../../src/lab/images/registry.ts";
import { PodAddressPool } from "../../src/lab/kubelet/addresses.ts";
import { formatGoDuration, RestartBackoff } from "../../src/lab/kubelet/backoff.ts";
import { expandVariables } from "../../src/lab/kubelet/expand.ts";
import { LogFile, readLog, selectLog } from "../../src/lab/kubelet/log-file.ts";
import { nodeSideCommands, podSideCommands } from "../../src/lab/kubelet/pod-links.ts";
import { serviceEnvironment, type ServiceLink } from "../../src/lab/kubelet/service-env.ts";
import { type ContainerFacts, type PodFacts, podStatusOf } from "../../src/lab/kubelet/status.ts";
import { machineLimit } from "../../src/lab/kubelet/termination-message.ts";
import { routeChanges, routesTo } from "../../src/lab/node/routes.ts";
import type { Container, ContainerState, Node, Pod } from "../../src/objects/types.ts";
import { stateDirOf } from "../../src/lab/host/state.ts";

test("pods get the same index in every family, and freed ones come back last", () => {
  const pool = new PodAddressPool([parseCidr("10.244.1.0/29")!, parseCidr("fd00:10:244:1::/64")!]);
  assert.equal(pool.gateway("IPv4"), "10.244.1.1");
  const all = Array.from({ length: 5 }, () => pool.allocate(["IPv4", "IPv6"])!);
  assert.deepEqual(all[0], { index: 2, addresses: { IPv4: "10.244.1.2", IPv6: "fd00:10:244:1::2" } });
  assert.equal(all.at(-1)?.addresses.IPv4, "10.244.1.6");
  assert.equal(pool.allocate(["IPv4"]), undefined, "the broadcast address is not given");
  pool.release(2);
  pool.release(4);
  assert.equal(pool.allocate(["IPv6"])?.addresses.IPv4, undefined);
  assert.equal(pool.allocate(["IPv6"])?.addresses.IPv6, "fd00:10:244:1::4");
});

test("a link of one family has commands of that family only", () => {
  const gateways = { IPv4: "10.244.0.1", IPv6: "fe80::1" };
  const link = { name: "pod2", addresses: { IPv6: "fd00::2" }, gateways };
  assert.deepEqual(nodeSideCommands(link, 7), [
    "link add pod2 type veth peer name eth0 netns 7",
    "address add fe80::1/64 dev pod2 nodad",
    "link set pod2 up",
    "route add fd00::2/128 dev pod2 hoplimit 255",
  ]);
  assert.deepEqual(podSideCommands(link).slice(2), [
    "address add fd00::2/128 dev eth0 nodad",
    "route add default via fe80::1 dev eth0",
  ]);
  const both = podSideCommands({ ...link, addresses: { IPv4: "10.244.0.2", IPv6: "fd00::2" } });
  assert.ok(both.includes("route add 10.244.0.1/32 dev eth0 scope link"));
  assert.ok(both.includes("route add default via 10.244.0.1 dev eth0"));
});

test("routes to other nodes' pods go through the address of the same family; what changes is changed", () => {
  const node = (name: string, podCIDRs: string[], ...ips: string[]) =>
    ({
      metadata: { name },
      spec: { podCIDRs },
      status: { addresses: ips.map((address) => ({ type: "InternalIP", address })) },
    }) as Node;
  const nodes = [
    node("a", ["10.1.0.0/24", "fd01::/64"], "172.18.0.2", "fd00::2"),
    node("b", ["10.2.0.0/24", "fd02::/64"], "172.18.0.3", "fd00::3"),
    node("only4", ["10.3.0.0/24", "fd03::/64"], "172.18.0.4"),
  ];
  const routes = routesTo(nodes, "a");
  assert.deepEqual(
    [...routes],
    [
      ["10.2.0.0/24", "172.18.0.3"],
      ["fd02::/64", "fd00::3"],
      ["10.3.0.0/24", "172.18.0.4"],
    ],
  );
  assert.deepEqual(routeChanges(routes, routes), []);
  assert.deepEqual(
    routeChanges(
      routes,
      new Map([
        ["10.2.0.0/24", "172.18.0.9"],
        ["fd02::/64", "fd00::3"],
      ]),
    ),
    ["route replace 10.2.0.0/24 via 172.18.0.9", "route del 10.3.0.0/24"],
  );
});

test("variables expand as in Kubernetes", () => {
  const lookup = (name: string) => ({ A: "1", EMPTY: "" })[name];
  assert.equal(
    expandVariables("$(A) $$(A) $(NONE) $A $(EMPTY)| $$$$ $(", lookup),
    "1 $(A) $(NONE) $A | $$ $(",
  );
});

const imagesWith = (program?: string, mappings: LabImages["mappings"] = []): LabImages => ({
  mappings,
  envoy: true,
  isHostProgram: (name) => name === program,
});

test("Services are told of in variables as by the kubelet, those without a cluster IP are not", () => {
  const service = (name: string, clusterIP: string, ports: ServiceLink["spec"]["ports"]) => ({
    metadata: { name },
    spec: { clusterIP, ports },
  });
  const links = [
    service("my-web", "fd00:10:96::7", [
      { name: "http-alt", port: 80, protocol: "TCP" },
      { port: 53, protocol: "UDP" },
    ]),
    service("headless", "None", [{ port: 1, protocol: "TCP" }]),
    service("outside", "", []),
  ];
  assert.deepEqual(serviceEnvironment(links), {
    MY_WEB_SERVICE_HOST: "fd00:10:96::7",
    MY_WEB_SERVICE_PORT: "80",
    MY_WEB_SERVICE_PORT_HTTP_ALT: "80",
    MY_WEB_PORT: "tcp://[fd00:10:96::7]:80",
    MY_WEB_PORT_80_TCP: "tcp://[fd00:10:96::7]:80",
    MY_WEB_PORT_80_TCP_PROTO: "tcp",
    MY_WEB_PORT_80_TCP_PORT: "80",
    MY_WEB_PORT_80_TCP_ADDR: "fd00:10:96::7",
    MY_WEB_PORT_53_UDP: "udp://[fd00:10:96::7]:53",
    MY_WEB_PORT_53_UDP_PROTO: "udp",
    MY_WEB_PORT_53_UDP_PORT: "53",
    MY_WEB_PORT_53_UDP_ADDR: "fd00:10:96::7",
  });
  const many = Array.from({ length: 1_001 }, (_, index) =>
    service(`s${index}`, "10.96.0.9", links[0]!.spec.ports),
  );
  assert.deepEqual(serviceEnvironment(many), {});
});

test("tar gives files to nobody else in a namespace of one account, as kubectl cp would have it", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-tar-"));
  const of = "--owner=1001 --group=1001";
  const tar = join(import.meta.dirname, "../../src/lab/images/bin/tar");
  const script = `cd ${folder}; echo x > a; tar -cf a.tar ${of} a; rm a; unshare --user --map-root-user ${tar} -xmf a.tar && cat a`;
  assert.equal(execFileSync("sh", ["-c", script], { encoding: "utf8" }), "x\n");
  rmSync(folder, { recursive: true });
});

test("an image that is mapped is the program given, by the last parts of its repository and its tag", () => {
  const mappings = [
    { image: "echo", program: "/a/plain" },
    { image: "x/echo", program: "/a/longer" },
    { image: "echo:v2", program: "/a/tagged" },
    { image: "localhost:5000/tcp-echo", program: "/a/port" },
  ];
  const of = (image: string) => programOf(image, imagesWith(undefined, mappings)).entrypoint[0];
  assert.equal(of("registry.example/echo:v1"), "/run/tandem/images/0/plain");
  assert.equal(of("registry.example/x/echo@sha256:00ff"), "/run/tandem/images/1/longer");
  assert.equal(of("echo:v2"), "/run/tandem/images/2/tagged");
  assert.equal(
    of("localhost:5000/tcp-echo:1"),
    "/run/tandem/images/3/port",
    "mappings come before built-in images",
  );
  assert.throws(() => of("my-echo"), UnknownImage, "a name is no ending of another");
  assert.deepEqual(programOf("echo", imagesWith(undefined, mappings)).links, {
    "/plain": "/run/tandem/images/0/plain",
  });
});

test("envoy runs Tandem's entry, and Envoy itself where its arguments name a configuration", () => {
  const envoy = programOf("docker.io/envoyproxy/envoy:distroless-v1.40.0", imagesWith());
  assert.deepEqual(commandLine(envoy).slice(-2), ["internal", "envoy"]);
  assert.deepEqual(commandLine(envoy, [], ["--id=a"]).slice(-3), ["internal", "envoy", "--id=a"]);
  const own = commandLine(envoy, [], ["--config-yaml", "{}"]);
  assert.deepEqual(own, ["/run/tandem/images/envoy/envoy", "--config-yaml", "{}"]);
  assert.throws(() => programOf("envoy", { ...imagesWith(), envoy: false }), /scripts\/setup/);
});

test("images are found by their last part; unknown ones say what there is", () => {
  assert.equal(lastPart("registry:5000/a/tcp-echo-server:1.3@sha256:00ff"), "tcp-echo-server");
  assert.equal(lastPart("a/tcp-echo-server@sha256:00ff"), "tcp-echo-server");
  const echo = programOf("docker.io/istio/tcp-echo-server:1.3", imagesWith());
  assert.match(echo.entrypoint[1] ?? "", /images\/programs\/tcp-echo\.ts$/);
  assert.deepEqual(programOf("memcached:1.6", imagesWith("memcached")), {
    entrypoint: ["memcached"],
    cmd: [],
  });
  const nginx = { entrypoint: [], cmd: ["nginx", "-g", "daemon off;"] };
  assert.deepEqual(programOf("docker.io/library/nginx:1.27", imagesWith("nginx")), nginx);
  assert.throws(() => programOf("example.com/x:1", imagesWith()), UnknownImage);
  const program = { entrypoint: ["run"], cmd: ["default"] };
  assert.deepEqual(commandLine(program), ["run", "default"]);
  assert.deepEqual(commandLine(program, [], ["a"]), ["run", "a"]);
  assert.deepEqual(commandLine(program, ["other"]), ["other"]);
  assert.deepEqual(commandLine(program, ["other"], ["a"]), ["other", "a"]);
});

test("the first restart is immediate, then the pauses double up to five minutes", () => {
  const backoff = new RestartBackoff();
  const delays = Array.from({ length: 8 }, () => backoff.delayAfter(1_000) / 1_000);
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(backoff.delayAfter(600_000), 0);
  assert.equal(formatGoDuration(160_000), "2m40s");
  assert.equal(formatGoDuration(300_000), "5m0s");
});

test("logs keep lines whole across writes, split long ones, and come back by query", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-log-"));
  try {
    const log = new LogFile(join(folder, "x.log"));
    log.write("stdout", Buffer.from("first\nsec"));
    log.write("stderr", Buffer.from("error\n"));
    log.write("stdout", Buffer.from("ond\n\n"));
    log.write("stdout", Buffer.from(`${"x".repeat(40_000)}\nlast`));
    log.close();
    const entries = readLog(log.path);
    const whole = selectLog(entries, {});
    assert.equal(whole, `first\nerror\nsecond\n\n${"x".repeat(40_000)}\nlast\n`);
    assert.equal(selectLog(entries, { tailLines: 1 }), "last\n");
    assert.equal(selectLog(entries, { tailLines: 2 }).length, 40_006);
    assert.equal(selectLog(entries, { tailLines: 0 }), "");
    assert.equal(selectLog(entries, { sinceTime: new Date(Date.now() + 60_000) }), "");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function facts(state: ContainerState, more: Partial<ContainerFacts> = {}): ContainerFacts {
  const spec: Container = { name: "c", image: "i" };
  return { spec, state, restartCount: 0, ready: false, started: false, ...more };
}

function phase(
  policy: "Always" | "OnFailure" | "Never",
  main: ContainerFacts[],
  init: ContainerFacts[] = [],
): string {
  const pod = { spec: { restartPolicy: policy, containers: [] }, metadata: { name: "p" } } as unknown as Pod;
  const all: PodFacts = { init, main, sandboxReady: true, podIPs: [], hostIPs: [], startTime: "t" };
  return podStatusOf(pod, all, "now").phase ?? "";
}

test("what a full disk takes of a log does not end the node", () => {
  const log = new LogFile("/dev/full");
  let told = 0;
  log.onChange(() => told++);
  log.write("stdout", Buffer.from("one\ntwo\npart"));
  log.close();
  assert.ok(told > 0 && log.closed);
});

test("a pod that is deleted has failed or not when its containers have ended, whatever its policy", () => {
  const pod = {
    spec: { restartPolicy: "Always", containers: [] },
    metadata: { name: "p" },
  } as unknown as Pod;
  const told = (main: ContainerFacts[]): string | undefined => {
    const rest = { sandboxReady: true, podIPs: [], hostIPs: [], startTime: "t", ending: true };
    return podStatusOf(pod, { init: [], main, ...rest }, "now").phase;
  };
  assert.equal(told([facts({ running: {} })]), "Running");
  assert.equal(told([facts({ terminated: { exitCode: 143 } })]), "Failed");
  assert.equal(told([facts({ terminated: { exitCode: 0 } })]), "Succeeded");
});

test("a pod runs until its sidecars have ended, too", () => {
  const spec: Container = { name: "side", image: "i", restartPolicy: "Always" };
  const ok = facts({ terminated: { exitCode: 0 } });
  assert.equal(phase("Never", [ok], [facts({ running: {} }, { spec, started: true })]), "Running");
  const ended = facts({ terminated: { exitCode: 143 } }, { spec, started: true });
  assert.equal(phase("Never", [ok], [ended]), "Succeeded");
});

test("the phase of a pod follows its containers and policy", () => {
  const waiting = facts({ waiting: {} });
  const running = facts({ running: {} });
  const ok = facts({ terminated: { exitCode: 0 } });
  const bad = facts({ terminated: { exitCode: 1 } });
  const crashing = facts({ waiting: {} }, { lastState: { terminated: { exitCode: 1 } } });
  assert.equal(phase("Always", [waiting, running]), "Pending");
  assert.equal(phase("Always", [running, bad]), "Running");
  assert.equal(phase("Always", [ok]), "Running");
  assert.equal(phase("Always", [crashing]), "Running");
  assert.equal(phase("OnFailure", [ok, ok]), "Succeeded");
  assert.equal(phase("OnFailure", [ok, bad]), "Running");
  assert.equal(phase("Never", [ok, bad]), "Failed");
  assert.equal(phase("Never", [waiting], [bad]), "Failed");
  assert.equal(phase("Always", [waiting], [running]), "Pending");
});

test("a pod that was initialized stays so while its sidecar is started anew", () => {
  const pod = { spec: { containers: [] }, metadata: { name: "p" } } as unknown as Pod;
  const sidecar = facts({ waiting: {} }, { spec: { name: "s", image: "i", restartPolicy: "Always" } });
  const initialized = (main: ContainerFacts): string | undefined => {
    const all = {
      init: [sidecar],
      main: [main],
      sandboxReady: true,
      podIPs: [],
      hostIPs: [],
      startTime: "t",
    };
    return podStatusOf(pod, all, "now").conditions?.find(({ type }) => type === "Initialized")?.status;
  };
  assert.equal(initialized(facts({ waiting: {} })), "False");
  assert.equal(initialized(facts({ running: {} })), "True");
});

test("conditions keep the time of their last change", () => {
  const pod = { spec: { containers: [] }, metadata: { name: "p" } } as unknown as Pod;
  const base: PodFacts = {
    init: [],
    main: [facts({ running: {} })],
    sandboxReady: true,
    podIPs: ["10.0.0.1", "fd00::1"],
    hostIPs: ["1.1.1.1"],
    startTime: "t",
  };
  const first = podStatusOf(pod, base, "one");
  const ready = { ...base, main: [facts({ running: {} }, { ready: true, started: true })] };
  const second = podStatusOf(pod, ready, "two", first);
  const time = (status: typeof first, type: string) =>
    status.conditions?.find((item) => item.type === type)?.lastTransitionTime;
  assert.equal(time(second, "Initialized"), "one");
  assert.equal(time(second, "Ready"), "two");
  assert.deepEqual(second.podIPs, [{ ip: "10.0.0.1" }, { ip: "fd00::1" }]);
  assert.equal(second.podIP, "10.0.0.1");
});

test("of an Envoy that found no instance of inotify the status says what to do", () => {
  const said =
    "assert failure: inotify_fd_ >= 0. Details: Consider increasing value of fs.inotify.max_user_watches and/or " +
    "fs.inotify.max_user_instances via sysctl\n#0 UNKNOWN\n";
  assert.match(
    machineLimit(said, () => "128") ?? "",
    /max_user_instances is 128.*Next: sudo sysctl fs\.inotify/,
  );
  assert.equal(
    machineLimit("some other end\n", () => "128"),
    undefined,
  );
});

test("a cluster's folder follows TANDEM_HOME, then XDG_STATE_HOME, then HOME; names are labels", () => {
  assert.equal(stateDirOf("a", { TANDEM_HOME: "/t", XDG_STATE_HOME: "/x", HOME: "/h" }), "/t/a");
  assert.equal(stateDirOf("a", { XDG_STATE_HOME: "/x", HOME: "/h" }), "/x/tandem/a");
  assert.equal(stateDirOf("a", { HOME: "/h" }), "/h/.local/state/tandem/a");
  assert.throws(() => stateDirOf("../x", {}), /--name/);
});
