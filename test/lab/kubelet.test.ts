import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { text } from "node:stream/consumers";
import { execToText } from "../../src/client/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { FAMILIES } from "../../src/ip/family.ts";
import type { Node, Pod } from "../../src/objects/types.ts";
import { ipsOf, isReady, temporaryHome, TestCluster } from "./cluster.ts";
import { parentOf } from "./processes.ts";

const home = temporaryHome();
let lab: TestCluster;
const IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53";
const NODE_1 = { IPv4: "172.18.0.2", IPv6: "[fd00:172:18::2]" };
const readinessProbe = { httpGet: { path: "/healthz", port: 8080 } };

before(async () => {
  lab = await TestCluster.start("kubelet", ["IPv4", "IPv6"], 2);
  const rbac = "rbac.authorization.k8s.io";
  await lab.client.request("POST", `/apis/${rbac}/v1/clusterrolebindings`, {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "pods-may-look" },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "view" },
    subjects: [{ kind: "ServiceAccount", name: "default", namespace: "default" }],
  });
  await lab.create("client", { image: IMAGE, args: ["netexec"], readinessProbe }, { nodeName: "node-2" });
  await lab.ready("client");
});

after(async () => {
  await lab?.stop();
  home.remove();
});

/** Asks again until the answer is as wished, or for five minutes. */
async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  let answer = await ask();
  for (let attempt = 0; attempt < 6000 && !holds(answer); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    answer = await ask();
  }
  return answer;
}

const ACCESS = "/var/run/secrets/kubernetes.io/serviceaccount";

/** A pod that asks the API who itself is, as clients in a cluster do. */
async function nameByToken(pod: string, url: string): Promise<string> {
  const path = `/api/v1/namespaces/$(cat ${ACCESS}/namespace)/pods/${pod}`;
  const call = `curl -sm 60 --cacert ${ACCESS}/ca.crt -H "Authorization: Bearer $(cat ${ACCESS}/token)" ${url}${path}`;
  const { out } = await lab.exec(pod, ["sh", "-c", call]);
  return (JSON.parse(out) as Pod).metadata.name;
}

test("a pod calls the API with its ServiceAccount's token, over each family", async () => {
  assert.equal(await nameByToken("client", "https://kubernetes.default"), "client");
  for (const family of FAMILIES) {
    const name = `only-${family.toLowerCase()}`;
    const annotations = { "tandem.dev/ip-families": family };
    await lab.create(name, { command: ["sleep", "infinity"] }, {}, annotations);
    await lab.ready(name);
    const host = (await lab.exec(name, ["sh", "-c", "echo $KUBERNETES_SERVICE_HOST"])).out.trim();
    assert.equal(host.includes(":"), family === "IPv6");
    const url = family === "IPv6" ? `https://[${host}]` : `https://${host}`;
    assert.equal(await nameByToken(name, `${url}:$KUBERNETES_SERVICE_PORT`), name);
  }
});

test("a Service of both families in front of the API takes tokens over both", async () => {
  const ports = [{ name: "https", port: 443, targetPort: 6443 }];
  await lab.client.create(KINDS.Service, {
    metadata: { name: "api", namespace: "default" },
    spec: { ipFamilyPolicy: "RequireDualStack", ports },
  });
  for (const [family, address] of Object.entries({ IPv4: "172.18.0.1", IPv6: "fd00:172:18::1" })) {
    await lab.client.create(KINDS.EndpointSlice, {
      metadata: {
        name: `api-${family.toLowerCase()}`,
        namespace: "default",
        labels: { "kubernetes.io/service-name": "api" },
      },
      addressType: family,
      endpoints: [{ addresses: [address] }],
      ports: [{ name: "https", port: 6443, protocol: "TCP" }],
    });
  }
  const service = await lab.client.get<{ spec: { clusterIPs: string[] } }>(KINDS.Service, "api", "default");
  const [four, six] = service.spec.clusterIPs as [string, string];
  for (const [flag, address] of [
    ["-4", four],
    ["-6", `[${six}]`],
  ]) {
    const url = `${flag} --connect-timeout 5 --retry 60 --retry-all-errors --retry-delay 1 --connect-to ::${address}:443 https://kubernetes.default`;
    assert.equal(await nameByToken("client", url), "client");
  }
});

test("automountServiceAccountToken: false gives no token; projected volumes give one for their audience", async () => {
  await lab.create("without", { command: ["sleep", "infinity"] }, {
    automountServiceAccountToken: false,
  } as never);
  const source = { serviceAccountToken: { path: "mine", audience: "vault", expirationSeconds: 600 } };
  const volumeMounts = [{ name: "token", mountPath: "/token" }];
  await lab.create(
    "projected",
    { command: ["sleep", "infinity"], volumeMounts },
    { volumes: [{ name: "token", projected: { sources: [source] } }] as never },
  );
  await Promise.all([lab.ready("without"), lab.ready("projected")]);
  assert.notEqual((await lab.exec("without", ["ls", `${ACCESS}/token`])).code, 0);
  const { out } = await lab.exec("projected", ["cat", "/token/mine"]);
  const claims = JSON.parse(Buffer.from(out.split(".")[1] ?? "", "base64url").toString()) as Record<
    string,
    unknown
  >;
  assert.deepEqual(claims["aud"], ["vault"]);
  assert.equal(claims["sub"], "system:serviceaccount:default:default");
});

test("changes of config maps, secrets, labels and annotations reach the running pod's volumes, all at once", async () => {
  const metadata = { name: "live", namespace: "default" };
  await lab.client.create(KINDS.ConfigMap, { metadata, data: { a: "1", gone: "x" } });
  await lab.client.create(KINDS.Secret, { metadata, stringData: { s: "1" } });
  const items = [
    { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
    { path: "cpu", resourceFieldRef: { containerName: "main", resource: "limits.cpu", divisor: "1m" } },
  ];
  const sources = [{ configMap: { name: "live" } }, { secret: { name: "live" } }, { downwardAPI: { items } }];
  const volumeMounts = [{ name: "all", mountPath: "/all" }];
  const resources = { limits: { cpu: "250m" } };
  await lab.create(
    "live",
    { command: ["sleep", "infinity"], volumeMounts, resources },
    { volumes: [{ name: "all", projected: { sources } }] as never },
  );
  await lab.ready("live");
  const all = async () => (await lab.exec("live", ["sh", "-c", "cd /all && grep -H '' *"])).out;
  assert.equal(await all(), 'a:1\ncpu:250\ngone:x\nlabels:app="live"\ns:1\n');
  const merge = { type: "merge" } as const;
  await lab.client.patch(KINDS.ConfigMap, "live", "default", { data: { a: "2", gone: null } }, merge);
  await lab.client.patch(KINDS.Secret, "live", "default", { stringData: { s: "2" } }, merge);
  await lab.client.patch(KINDS.Pod, "live", "default", { metadata: { labels: { more: "yes" } } }, merge);
  const wanted = 'a:2\ncpu:250\nlabels:app="live"\nlabels:more="yes"\ns:2\n';
  assert.equal(await eventually(all, (text) => text === wanted), wanted);
});

test("a host port leads to the pod over both families, TCP and UDP, and goes with it", async () => {
  const ports = [
    { containerPort: 8080, hostPort: 9080 },
    { containerPort: 8081, hostPort: 9081, protocol: "UDP" as const },
  ];
  const web = { image: IMAGE, args: ["netexec"], ports, readinessProbe };
  await lab.create("ported", web, { nodeName: "node-1" });
  await lab.ready("ported");
  const node = await lab.create(
    "on-node",
    { command: ["sleep", "infinity"] },
    { hostNetwork: true, nodeName: "node-1" },
  );
  await lab.ready(node.metadata.name);
  const get = async (from: string, host: string, seconds = "30") =>
    (await lab.exec(from, ["curl", "-sm", seconds, `http://${host}:9080/hostname`])).out;
  for (const family of FAMILIES) {
    for (const from of ["client", "ported", "on-node"])
      assert.equal(await get(from, NODE_1[family]), "ported");
    const udp = ["/agnhost", "connect", "--protocol=udp", "--timeout=30s", `${NODE_1[family]}:9081`];
    assert.equal((await lab.exec("client", udp)).code, 0);
  }
  assert.equal(await get("on-node", "127.0.0.1"), "ported");
  await lab.create("late", web, { nodeName: "node-1" });
  const late = await lab.until("late", "rejected", (pod) => pod.status?.phase === "Failed");
  assert.equal((late.status as { reason?: string }).reason, "NodePorts");
  await lab.client.delete(KINDS.Pod, "ported", "default");
  await lab.gone("ported");
  for (const family of FAMILIES) assert.equal(await get("client", NODE_1[family], "3"), "");
});

test("agnhost: dial between pods over both families, HTTP and UDP; porter and serve-hostname", async () => {
  const env = [{ name: "SERVE_PORT_9001", value: "nine" }];
  await lab.create("server", { image: IMAGE, args: ["netexec"], readinessProbe });
  await lab.create("porter", {
    image: IMAGE,
    args: ["porter"],
    env,
    readinessProbe: { tcpSocket: { port: 9001 } },
  });
  const args = ["serve-hostname", "--http=false", "--tcp", "--udp", "--port=9376"];
  await lab.create("names", { image: IMAGE, args, readinessProbe: { tcpSocket: { port: 9376 } } });
  const [server, porter, names] = await Promise.all(
    ["server", "porter", "names"].map((name) => lab.ready(name)),
  );
  const client = ipsOf(await lab.pod("client"));
  const dial = async (family: "IPv4" | "IPv6", query: string) => {
    const host = family === "IPv6" ? `[${client.IPv6}]` : client.IPv4;
    return JSON.parse(
      (await lab.exec("client", ["curl", "-s", `http://${host}:8080/dial?${query}`])).out,
    ) as {
      responses?: string[];
      errors?: string[];
    };
  };
  for (const family of FAMILIES) {
    const host = ipsOf(server!)[family]!;
    const http = await dial(family, `host=${host}&port=8080&protocol=http&request=hostName&tries=2`);
    assert.deepEqual(http, { responses: ["server", "server"] });
    const udp = await dial(family, `host=${host}&port=8081&protocol=udp&request=clientip`);
    const source = family === "IPv6" ? `[${client.IPv6}]:` : `${client.IPv4}:`;
    assert.ok(udp.responses?.[0]?.startsWith(source), JSON.stringify(udp));
    const refused = await dial(family, `host=${host}&port=1&request=hostName`);
    assert.match(refused.errors?.[0] ?? "", /ECONNREFUSED/);
    const nine = await dial(family, `host=${ipsOf(porter!)[family]}&port=9001&request=any`);
    assert.deepEqual(nine, { responses: ["nine"] });
    const name = await dial(family, `host=${ipsOf(names!)[family]}&port=9376&protocol=udp&request=x`);
    assert.deepEqual(name, { responses: ["names"] });
  }
  const unknown = await lab.exec("client", ["/agnhost", "connect", "no-such.default:80"]);
  assert.deepEqual([unknown.code, unknown.err.startsWith("DNS: ")], [1, true]);
});

test("hooks: postStart before readiness, preStop before SIGTERM within the grace; a hook that fails is told", async () => {
  const lifecycle = {
    postStart: { exec: { command: ["sh", "-c", "echo post >> /tmp/log"] } },
    preStop: { exec: { command: ["sh", "-c", "echo pre > /tmp/pre; sleep 0.2"] } },
  };
  const script =
    'trap "cat /tmp/log /tmp/pre; echo term; exit 0" TERM; touch /tmp/up; while :; do sleep 0.02; done';
  await lab.create(
    "hooked",
    { command: ["sh", "-c", script], lifecycle },
    { terminationGracePeriodSeconds: 120 },
  );
  await lab.ready("hooked");
  // a container runs from its fork on, its program some time later
  const up = "until [ -e /tmp/up ]; do sleep 0.02; done; cat /tmp/log";
  assert.equal((await lab.exec("hooked", ["sh", "-c", up])).out, "post\n");
  const log = text(await lab.client.logs({ namespace: "default", pod: "hooked", follow: true }));
  await lab.client.delete(KINDS.Pod, "hooked", "default");
  assert.equal(await log, "post\npre\nterm\n");
  await lab.gone("hooked");
  const failing = { postStart: { httpGet: { port: 1 } } };
  await lab.create("unhooked", { command: ["sleep", "infinity"], lifecycle: failing });
  await lab.event("unhooked", "FailedPostStartHook");
  await lab.until(
    "unhooked",
    "started again",
    (pod) => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
  );
});

test("a liveness probe's own grace counts before the pod's", async () => {
  // found dead only once it is deaf to SIGTERM, however long a busy machine takes to start it, and once only: its next
  // run is not deaf at once, and its end would be another
  const once = "! test -e /tmp/deaf || test -e /tmp/found || ! touch /tmp/found";
  const stubborn = 'trap "" TERM; touch /tmp/deaf; while :; do sleep 0.05; done';
  const livenessProbe = {
    exec: { command: ["sh", "-c", once] },
    periodSeconds: 1,
    failureThreshold: 1,
    // a busy machine may take longer than the default second for the command: no failure while not deaf yet
    timeoutSeconds: 60,
    terminationGracePeriodSeconds: 1,
  };
  const pod = { terminationGracePeriodSeconds: 3_600 };
  await lab.create("stubborn", { command: ["sh", "-c", stubborn], livenessProbe }, pod);
  const restarted = await lab.until(
    "stubborn",
    "killed after 1 s",
    ({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
  );
  assert.equal(restarted.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
  await lab.client.delete(KINDS.Pod, "stubborn", "default", { gracePeriodSeconds: 0 });
});

test("a node and its pods that the node controller took for gone say that they are there", async () => {
  const lastTransitionTime = new Date(Date.now() + 5_000).toISOString().replace(/\.\d+/, "");
  const gone = (status: string) => ({
    conditions: [{ type: "Ready", status, reason: "Gone", lastTransitionTime }],
  });
  const options = { type: "strategic", subresource: "status" } as const;
  await lab.client.patch(KINDS.Node, "node-2", undefined, { status: gone("Unknown") }, options);
  await lab.client.patch(KINDS.Pod, "client", "default", { status: gone("False") }, options);
  const readyOf = (object: Node | Pod) => object.status?.conditions?.find(({ type }) => type === "Ready");
  const node = await eventually(
    async () => readyOf(await lab.client.get<Node>(KINDS.Node, "node-2")),
    (ready) => ready?.status === "True",
  );
  assert.deepEqual([node?.status, node?.reason], ["True", "KubeletReady"]);
  const pod = await eventually(
    async () => readyOf(await lab.pod("client")),
    (ready) => ready?.status === "True",
  );
  assert.equal(pod?.status, "True");
});

test("the node lists the images that are built in", async () => {
  const node = await lab.client.get<Node>(KINDS.Node, "node-1");
  assert.ok(node.status?.images?.some(({ names }) => names?.includes("agnhost")));
});

test("an ephemeral container runs beside the pod's own, once, and takes commands", async () => {
  await lab.create("debugged", { command: ["sleep", "infinity"] });
  await lab.ready("debugged");
  const debuggers = [
    { name: "shell", image: "busybox", command: ["sleep", "infinity"] },
    { name: "look", image: "busybox", command: ["sh", "-c", "exit 3"] },
  ];
  const added = { spec: { ephemeralContainers: debuggers } };
  const options = { type: "strategic", subresource: "ephemeralcontainers" } as const;
  await lab.client.patch(KINDS.Pod, "debugged", "default", added, options);
  const states = ({ status }: Pod) => status?.ephemeralContainerStatuses?.map(({ state }) => state) ?? [];
  const pod = await lab.until("debugged", "debugged", (now) => {
    const [shell, look] = states(now);
    return shell?.running !== undefined && look?.terminated !== undefined;
  });
  assert.equal(states(pod)[1]?.terminated?.exitCode, 3);
  assert.equal(isReady(pod), true);
  const { out } = await execToText(lab.client, {
    namespace: "default",
    pod: "debugged",
    container: "shell",
    command: ["hostname"],
  });
  assert.equal(out, "debugged\n");
  await lab.client.delete(KINDS.Pod, "debugged", "default");
  await lab.gone("debugged");
});

/** The process of a node's agent in this file's cluster. */
function agentOf(node: string): number {
  const words = (pid: string): string[] => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    } catch {
      return []; // ended meanwhile
    }
  };
  const isAgent = (list: string[]) => list.some((word) => word.startsWith(home.path)) && list.includes(node);
  const all = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && isAgent(words(pid)));
  // a child of the agent has its command line until it runs a program of its own; one that has ended has no parent
  return Number(all.find((pid) => !["", ...all].includes(parentOf(pid))));
}

test("the way to a pod that is not there ends at its node, over both families", async () => {
  const container = { command: ["sleep", "infinity"] };
  await lab.create("host", container, { hostNetwork: true, nodeName: "node-1" });
  await lab.ready("host");
  const { spec } = await lab.client.get<Node>(KINDS.Node, "node-1");
  for (const range of spec.podCIDRs ?? []) {
    const free = range.replace(/\.0\/.*/, ".200").replace(/::\/.*/, "::c8");
    const { code, err } = await lab.exec("host", ["ip", "route", "get", free]);
    assert.deepEqual([code, err.trim()], [2, "RTNETLINK answers: No route to host"], free);
  }
});

test("an agent that starts again tells of the addresses that its node and its pods have then", async () => {
  const here = { nodeName: "node-1" };
  await lab.create("before", { command: ["sleep", "infinity"] }, here);
  await lab.ready("before");
  await lab.create("moved", { command: ["sleep", "infinity"] }, here);
  const first = ipsOf(await lab.ready("moved"));
  await lab.client.delete(KINDS.Pod, "before", "default", { gracePeriodSeconds: 0 });
  await lab.gone("before");
  const addresses = async () => (await lab.client.get<Node>(KINDS.Node, "node-1")).status?.addresses;
  const known = await addresses();
  process.kill(agentOf("node-1"), "SIGKILL");
  const then = await lab.until("moved", "made anew", (pod) => isReady(pod) && ipsOf(pod).IPv4 !== first.IPv4);
  assert.equal(then.status?.podIPs?.length, 2);
  assert.deepEqual(await addresses(), known);
  const { out } = await lab.exec("moved", ["ip", "-o", "address", "show", "dev", "eth0"]);
  for (const ip of Object.values(ipsOf(then))) assert.ok(out.includes(` ${ip}/`), `${ip} is not in:\n${out}`);
});
