import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { text } from "node:stream/consumers";
import { KINDS } from "../../src/objects/kinds.ts";
import type { KubeEvent, Pod } from "../../src/objects/types.ts";
import { isReady, temporaryHome, TestCluster } from "./cluster.ts";

const home = temporaryHome();
let lab: TestCluster;

before(async () => {
  lab = await TestCluster.start("pods", ["IPv4", "IPv6"]);
});

after(async () => {
  await lab?.stop();
  home.remove();
});

const sleep = { command: ["sleep", "infinity"] };

test("a pod has addresses of both families in the cluster's order, and a resolver and hosts file to match", async () => {
  await lab.create("plain", sleep, { hostname: "myhost", subdomain: "sub" });
  const pod = await lab.ready("plain");
  assert.equal(pod.status?.phase, "Running");
  assert.deepEqual(
    pod.status?.podIPs?.map(({ ip }) => (ip.includes(":") ? 6 : 4)),
    [4, 6],
  );
  assert.equal(pod.status?.podIP, pod.status?.podIPs?.[0]?.ip);
  assert.deepEqual(pod.status?.hostIPs, [{ ip: "172.18.0.2" }, { ip: "fd00:172:18::2" }]);
  const script =
    "hostname; cat /etc/resolv.conf; grep myhost /etc/hosts; ip -o address show dev eth0 scope global";
  const { out } = await lab.exec("plain", ["sh", "-c", script]);
  assert.match(out, /^myhost\n/);
  assert.match(out, /search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/);
  assert.match(out, /nameserver 10\.96\.0\.10\nnameserver fd00:10:96::a\noptions ndots:5/);
  for (const { ip } of pod.status?.podIPs ?? []) {
    assert.ok(out.includes(`${ip}\tmyhost.sub.default.svc.cluster.local\tmyhost`), out);
    assert.match(out, new RegExp(`inet6? ${ip}/`));
  }
});

test("an annotation limits a pod's families; a wrong one is told in an event", async () => {
  const limited = (families: string) => ({ "tandem.dev/ip-families": families });
  await lab.create("only6", sleep, {}, limited("IPv6"));
  await lab.create("only4", sleep, {}, limited("IPv4"));
  await lab.create("wrong", sleep, {}, limited("IPv5"));
  const six = await lab.ready("only6");
  assert.equal(six.status?.podIPs?.length, 1);
  assert.match(six.status?.podIP ?? "", /:/);
  assert.match((await lab.exec("only6", ["cat", "/etc/resolv.conf"])).out, /^nameserver fd00:10:96::a$/m);
  assert.doesNotMatch((await lab.exec("only6", ["cat", "/etc/resolv.conf"])).out, /10\.96/);
  const four = await lab.ready("only4");
  assert.deepEqual(
    four.status?.podIPs?.map(({ ip }) => ip.includes(":")),
    [false],
  );
  assert.match(await lab.event("wrong", "FailedCreatePodSandBox"), /"IPv5" is not IPv4 or IPv6/);
});

test("a server is reached over both families; exec passes input, output and exit codes", async () => {
  await lab.create("echo", { image: "docker.io/istio/tcp-echo-server:1.3", args: ["9000,9001", "hello"] });
  await lab.create("client", sleep);
  const [echo] = await Promise.all([lab.ready("echo"), lab.ready("client")]);
  for (const { ip } of echo.status?.podIPs ?? []) {
    const wait = `until nc -z ${ip} 9001; do sleep 0.05; done; echo dualstack | nc ${ip} 9001`;
    const { code, out, err } = await lab.exec("client", ["timeout", "60", "sh", "-c", wait]);
    assert.deepEqual({ code, out }, { code: 0, out: "hello dualstack\n" }, err);
  }
  assert.deepEqual(await lab.exec("client", ["cat"], "in\nput"), { code: 0, out: "in\nput", err: "" });
  assert.deepEqual(await lab.exec("client", ["sh", "-c", "echo e >&2; exit 7"]), {
    code: 7,
    out: "",
    err: "e\n",
  });
  await assert.rejects(lab.exec("client", ["no-such"]), /"no-such": executable file not found in \$PATH/);
});

test("nslookup tells names that are not there from names without an address of a family", async () => {
  const script = "/run/tandem/app/src/lab/images/programs/nslookup.ts";
  const ask = (...words: string[]) => lab.exec("client", ["/run/tandem/node/node", script, ...words]);
  const both = await ask("kube-dns.kube-system");
  assert.match(both.out, /Name:\tkube-dns.kube-system.svc.cluster.local\nAddress: \d/);
  assert.match(both.out, /Address: fd00:/);
  const primary = (
    await lab.client.get<{ spec: { ipFamilies: string[] } }>(KINDS.Service, "kubernetes", "default")
  ).spec.ipFamilies[0];
  const other = await ask(`-type=${primary === "IPv4" ? "AAAA" : "A"}`, "kubernetes");
  assert.match(other.out, /\*\*\* Can't find kubernetes.default.svc.cluster.local: No answer/);
  const none = await ask("nobody");
  assert.deepEqual([none.code, /NXDOMAIN/.test(none.out)], [1, true]);
});

test("exec gives a terminal", async () => {
  await lab.create("terminal", sleep);
  await lab.ready("terminal");
  const { code, out } = await lab.exec(
    "terminal",
    ["sh", "-c", "tty; test -t 0 && echo yes; exit 3"],
    undefined,
    true,
  );
  assert.match(out, /^\/dev\/pts\/\d+\r\nyes\r\n$/);
  assert.equal(code, 3);
});

/** The first line of a container's log, waiting for it. */
async function firstLine(pod: string): Promise<string> {
  let log = "";
  for await (const chunk of await lab.client.logs({ namespace: "default", pod, follow: true })) {
    log += chunk;
    if (log.includes("\n")) break;
  }
  return log;
}

test("environment: expansion, fields, config maps and secrets", async () => {
  await lab.client.create(KINDS.ConfigMap, {
    metadata: { name: "conf", namespace: "default" },
    data: { a: "1", b: "two" },
  });
  await lab.client.create(KINDS.Secret, {
    metadata: { name: "hush", namespace: "default" },
    data: { password: Buffer.from("secret").toString("base64") },
  });
  const env = [
    { name: "A", valueFrom: { configMapKeyRef: { name: "conf", key: "a" } } },
    { name: "AB", value: "$(A)-$(P_b)-$$(A)-$(NONE)" },
    { name: "PW", valueFrom: { secretKeyRef: { name: "hush", key: "password" } } },
    { name: "IPS", valueFrom: { fieldRef: { fieldPath: "status.podIPs" } } },
    { name: "OPT", valueFrom: { secretKeyRef: { name: "none", key: "x", optional: true } } },
  ];
  const command = ["sh", "-c", 'echo "$AB $PW $IPS [$OPT] $0"; sleep infinity', "$(A)"];
  await lab.create("env", { command, env, envFrom: [{ prefix: "P_", configMapRef: { name: "conf" } }] });
  const pod = await lab.ready("env");
  const ips = pod.status?.podIPs?.map(({ ip }) => ip).join(",");
  const log = await firstLine("env");
  assert.equal(log, `1-two-$(A)-$(NONE) secret ${ips} [] 1\n`);
  await lab.create("no-config", { ...sleep, envFrom: [{ configMapRef: { name: "missing" } }] });
  await lab.until("no-config", "waiting for its config", (pod) => {
    const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting;
    return (
      waiting?.reason === "CreateContainerConfigError" && waiting.message === 'configmap "missing" not found'
    );
  });
});

test("environment: the Services of the namespace, of the API, and none where the pod wants none", async () => {
  const ports = [{ name: "plain", port: 80 }];
  await lab.client.create(KINDS.Service, {
    metadata: { name: "my-web", namespace: "default" },
    spec: { ports },
  });
  const command = ["sh", "-c", 'echo "$MY_WEB_SERVICE_PORT_PLAIN $KUBERNETES_PORT"; sleep infinity'];
  await lab.create("linked", { command });
  await lab.create("unlinked", { command }, { enableServiceLinks: false });
  await Promise.all([lab.ready("linked"), lab.ready("unlinked")]);
  assert.match(await firstLine("linked"), /^80 tcp:.*:443\n$/);
  assert.match(await firstLine("unlinked"), /^ tcp:.*:443\n$/);
});

test("a volume that cannot be made is told in the kubelet's words, and made once it can be", async () => {
  const volumes = [{ name: "conf", configMap: { name: "late" } }];
  await lab.create("mounting", { ...sleep }, { volumes });
  assert.equal(
    await lab.event("mounting", "FailedMount"),
    'MountVolume.SetUp failed for volume "conf" : configmap "late" not found',
  );
  await lab.client.create(KINDS.ConfigMap, { metadata: { name: "late", namespace: "default" } });
  await lab.ready("mounting");
  const events = await lab.client.list<KubeEvent>(KINDS.Event, { namespace: "default" });
  const of = events.items.filter(({ involvedObject }) => involvedObject.name === "mounting");
  assert.ok(!of.some(({ reason }) => reason === "SandboxChanged"));
});

test("volumes: config maps read-only, emptyDir shared between containers, whatever the path", async () => {
  await lab.client.create(KINDS.ConfigMap, {
    metadata: { name: "files", namespace: "default" },
    data: { "a.txt": "A" },
  });
  const volumeMounts = [
    { name: "conf", mountPath: "/etc/my/conf" },
    { name: "data", mountPath: "/var/data" },
  ];
  const writer =
    "cat /etc/my/conf/a.txt > /var/data/copy; ! echo x > /etc/my/conf/a.txt && echo read-only >> /var/data/copy; sleep infinity";
  const reader = "until grep -qs read-only /data/copy; do sleep 0.02; done; cat /data/copy; sleep infinity";
  await lab.create(
    "volumes",
    { command: ["sh", "-c", writer], volumeMounts },
    {
      volumes: [
        { name: "conf", configMap: { name: "files" } },
        { name: "data", emptyDir: {} },
      ],
      containers: [
        { name: "writer", image: "busybox", command: ["sh", "-c", writer], volumeMounts },
        {
          name: "reader",
          image: "busybox",
          command: ["sh", "-c", reader],
          volumeMounts: [{ name: "data", mountPath: "/data" }],
        },
      ],
    },
  );
  await lab.ready("volumes");
  const follow = await lab.client.logs({
    namespace: "default",
    pod: "volumes",
    container: "reader",
    follow: true,
  });
  let log = "";
  for await (const chunk of follow) {
    log += chunk;
    if (log.includes("read-only")) break;
  }
  assert.equal(log, "Aread-only\n");
});

test("devices are the pod's own; what a container leaves at its terminationMessagePath is in its status", async () => {
  const command = ["sh", "-c", "echo bye > /dev/termination-log; : > /dev/left-behind; ls /dev; exit 3"];
  await lab.create("devices", { command, tty: true }, { restartPolicy: "Never" });
  const pod = await lab.until("devices", "over", ({ status }) => status?.phase === "Failed");
  assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.message, "bye\n");
  assert.equal(existsSync("/dev/left-behind"), false);
  const log = await text(await lab.client.logs({ namespace: "default", pod: "devices" }));
  for (const name of ["null", "ptmx", "pts", "shm", "stdout", "urandom"])
    assert.match(log, new RegExp(`\\b${name}\\b`));
});

test("what a pod writes stays in the pod", async () => {
  await lab.create("writes", {
    command: ["sh", "-c", "echo mine > /etc/tandem-was-here && cat /etc/tandem-was-here; sleep infinity"],
  });
  await lab.create("looks", sleep);
  await Promise.all([lab.ready("writes"), lab.ready("looks")]);
  assert.equal(await firstLine("writes"), "mine\n");
  assert.equal((await lab.exec("writes", ["cat", "/etc/tandem-was-here"])).out, "mine\n");
  assert.notEqual((await lab.exec("looks", ["cat", "/etc/tandem-was-here"])).code, 0);
});

test("init containers run in order before the others; a sidecar keeps running", async () => {
  const volumeMounts = [{ name: "data", mountPath: "/data" }];
  const write = (word: string) => ({
    image: "busybox",
    volumeMounts,
    command: ["sh", "-c", `echo ${word} >> /data/log`],
  });
  await lab.create(
    "init",
    {},
    {
      volumes: [{ name: "data", emptyDir: {} }],
      initContainers: [
        { name: "one", ...write("one") },
        { name: "sidecar", image: "busybox", command: ["sleep", "infinity"], restartPolicy: "Always" },
        { name: "two", ...write("two") },
      ],
      containers: [
        {
          name: "main",
          image: "busybox",
          volumeMounts,
          command: ["sh", "-c", "cat /data/log; sleep infinity"],
        },
      ],
    },
  );
  const pod = await lab.ready("init");
  const done = "until [ $(wc -l < /data/log) = 2 ]; do sleep 0.02; done; cat /data/log";
  assert.equal((await lab.exec("init", ["sh", "-c", done])).out, "one\ntwo\n");
  const states = pod.status?.initContainerStatuses?.map(({ state }) => Object.keys(state ?? {})[0]);
  assert.deepEqual(states, ["terminated", "running", "terminated"]);
});

test("a program or image that is missing fails its pod alone, with the reason in status and events", async () => {
  await lab.create("no-program", { command: ["/no/such/program"] });
  await lab.create("no-image", { image: "example.com/no/such-image:1" });
  await lab.create("never", { command: ["/no/such/program"] }, { restartPolicy: "Never" });
  const waiting = await lab.until("no-program", "in back-off", (pod) => {
    return pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff";
  });
  const status = waiting.status?.containerStatuses?.[0];
  assert.equal(status?.lastState?.terminated?.reason, "StartError");
  assert.match(
    status?.lastState?.terminated?.message ?? "",
    /"\/no\/such\/program": stat \/no\/such\/program: no such file/,
  );
  assert.match(await lab.event("no-program", "Failed"), /no such file or directory/);
  const image = await lab.until("no-image", "waiting", (pod) => {
    return (
      pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === "ErrImagePull" ||
      pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === "ImagePullBackOff"
    );
  });
  assert.match(
    image.status?.containerStatuses?.[0]?.state?.waiting?.message ?? "",
    /no program for image "example.com/,
  );
  assert.match(
    await lab.event("no-image", "Failed"),
    /built-in images \(.*tcp-echo.*\) and programs of the host/,
  );
  const failed = await lab.until("never", "failed", (pod) => pod.status?.phase === "Failed");
  assert.equal(failed.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 128);
});

test("exit codes, signals and restart policies", async () => {
  await lab.create("done", { command: ["true"] }, { restartPolicy: "OnFailure" });
  await lab.create("failed", { command: ["sh", "-c", "exit 3"] }, { restartPolicy: "Never" });
  await lab.create("killed", { command: ["sh", "-c", "kill -9 $$$$"] }, { restartPolicy: "Never" });
  await lab.create("again", { command: ["sh", "-c", "echo run; exit 1"] });
  // looked for from now on: its back-off is over after 10 s
  const backOff = lab.until("again", "in back-off", (pod) => {
    return pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff";
  });
  const end = async (name: string, phase: string) =>
    (await lab.until(name, phase, (pod) => pod.status?.phase === phase)).status?.containerStatuses?.[0]?.state
      ?.terminated;
  assert.equal((await end("done", "Succeeded"))?.reason, "Completed");
  assert.equal((await end("failed", "Failed"))?.exitCode, 3);
  const killed = await end("killed", "Failed");
  assert.deepEqual([killed?.exitCode, killed?.signal], [137, 9]);
  const again = await backOff;
  const status = again.status?.containerStatuses?.[0];
  assert.equal(status?.restartCount, 1);
  assert.match(
    status?.state?.waiting?.message ?? "",
    /^back-off 10s restarting failed container=main pod=again_default/,
  );
  const previous = await lab.client.request("GET", "/api/v1/namespaces/default/pods/again/log?previous=true");
  assert.equal(previous.body, "run\n");
});

test("a pod that has ended leaves its host port to the next, and its sidecar ends with it, however it ended", async () => {
  const ports = [{ containerPort: 8080, hostPort: 18_080 }];
  const forGood = { restartPolicy: "Never" as const, terminationGracePeriodSeconds: 1 };
  const sidecar = { name: "side", image: "busybox", command: ["sleep", "infinity"], restartPolicy: "Always" };
  const init = { name: "init", image: "busybox", command: ["sh", "-c", "exit 3"] };
  const end = (name: string, phase: string): Promise<Pod> =>
    lab.until(name, phase, ({ status }) => {
      const [side] = status?.initContainerStatuses ?? [];
      return status?.phase === phase && side?.state?.terminated !== undefined;
    });
  await lab.create("ended", { command: ["true"], ports }, { ...forGood, initContainers: [sidecar] });
  await end("ended", "Succeeded");
  await lab.create(
    "init-failed",
    { command: ["true"], ports },
    { ...forGood, initContainers: [sidecar, init] },
  );
  await end("init-failed", "Failed");
  await lab.create("next", { ...sleep, ports });
  await lab.ready("next");
  const events = await lab.client.list<KubeEvent>(KINDS.Event, { namespace: "default" });
  const made = events.items.filter(({ reason }) => reason === "SandboxChanged");
  assert.deepEqual(
    made.filter(({ involvedObject: { name } }) => name === "ended" || name === "init-failed"),
    [],
  );
});

test("a pod that is active for longer than its deadline fails, with its object and its logs still there", async () => {
  const command = ["sh", "-c", "echo begun; exec sleep infinity"];
  const far = 2 ** 31 - 1;
  // however long a busy machine takes to start it: the deadline comes nearer once it runs
  await lab.create("timed", { command }, { activeDeadlineSeconds: far, restartPolicy: "Always" });
  await lab.create("far", { command }, { activeDeadlineSeconds: far });
  await lab.create("short", { command }, { activeDeadlineSeconds: 1 });
  await lab.ready("timed");
  assert.equal(await firstLine("timed"), "begun\n");
  await lab.client.patch(
    KINDS.Pod,
    "timed",
    "default",
    { spec: { activeDeadlineSeconds: 1 } },
    { type: "merge" },
  );
  const { status } = await lab.until("timed", "failed", (pod) => pod.status?.phase === "Failed");
  assert.equal((status as { reason?: string }).reason, "DeadlineExceeded");
  assert.ok(status?.containerStatuses?.[0]?.state?.terminated);
  assert.equal(await firstLine("timed"), "begun\n");
  assert.match(await lab.event("timed", "DeadlineExceeded"), /active on the node longer/);
  await lab.until("short", "failed", (pod) => pod.status?.phase === "Failed");
  await lab.until("far", "running", (pod) => pod.status?.phase === "Running");
  await lab.client.delete(KINDS.Pod, "timed", "default");
  await lab.gone("timed");
});

test("readiness follows its probe; http, tcp and exec", async () => {
  const http = { httpGet: { path: "/", port: "web" }, periodSeconds: 1 };
  const web = {
    image: "hashicorp/http-echo",
    args: ["-listen=:8080", "-text=hi"],
    ports: [{ name: "web", containerPort: 8080, protocol: "TCP" as const }],
  };
  await lab.create("http", { ...web, readinessProbe: http });
  await lab.create("tcp", { ...web, readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } });
  await lab.create("exec", {
    ...sleep,
    // a busy machine may take longer than the default second for the command, which is told in other words
    readinessProbe: { exec: { command: ["test", "-e", "/tmp/ok"] }, periodSeconds: 1, timeoutSeconds: 60 },
  });
  await Promise.all(["http", "tcp"].map((name) => lab.ready(name)));
  await lab.until("exec", "running", (pod) => pod.status?.phase === "Running");
  assert.equal(isReady(await lab.pod("exec")), false);
  await lab.exec("exec", ["touch", "/tmp/ok"]);
  await lab.ready("exec");
  await lab.exec("exec", ["rm", "/tmp/ok"]);
  await lab.until("exec", "unready", (pod) => !isReady(pod));
  assert.match(await lab.event("exec", "Unhealthy"), /^Readiness probe failed: command exited with code 1/);
});

test("a failed liveness probe restarts the container", async () => {
  const livenessProbe = {
    exec: { command: ["test", "!", "-e", "/tmp/sick"] },
    periodSeconds: 1,
    failureThreshold: 1,
    timeoutSeconds: 60, // a busy machine may take longer than a second for the command
  };
  await lab.create("live", { ...sleep, livenessProbe });
  await lab.ready("live");
  await lab.exec("live", ["touch", "/tmp/sick"]);
  await lab.event("live", "Killing");
  await lab.until("live", "restarted", (pod) => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 1);
});

test("logs: tail, limit, timestamps, following to the end", async () => {
  await lab.create(
    "logs",
    { command: ["sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done; sleep 0.3; echo late; printf end"] },
    { restartPolicy: "Never" },
  );
  await lab.until("logs", "started", (pod) => pod.status?.phase !== "Pending");
  const followed = await text(await lab.client.logs({ namespace: "default", pod: "logs", follow: true }));
  assert.equal(followed, "line 1\nline 2\nline 3\nline 4\nline 5\nlate\nend\n");
  const get = async (query: string) =>
    (await lab.client.request("GET", `/api/v1/namespaces/default/pods/logs/log?${query}`)).body;
  assert.equal(await get("tailLines=2"), "late\nend\n");
  assert.equal(await get("limitBytes=9"), "line 1\nli");
  assert.match(await get("tailLines=1&timestamps=true"), /^\d{4}-\d\d-\d\dT[\d:.]{18}Z end\n$/);
  assert.equal(await get("sinceSeconds=3600&tailLines=1"), "end\n");
});

test("a pod in the node's network has the node's addresses and name", async () => {
  await lab.create("host", sleep, { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" });
  const pod = await lab.ready("host");
  assert.deepEqual(pod.status?.podIPs, pod.status?.hostIPs);
  const { out } = await lab.exec("host", ["sh", "-c", "hostname; ip -o address; cat /etc/resolv.conf"]);
  assert.match(out, /^node-1\n/);
  assert.match(out, /172\.18\.0\.2\/16/);
  assert.match(out, /nameserver 10\.96\.0\.10/);
});

test("deletion: SIGTERM first, SIGKILL after the grace, then the object goes", async () => {
  const trap = 'trap "echo term; exit 0" TERM; echo up; while :; do sleep 0.02; done';
  await lab.create("polite", { command: ["sh", "-c", trap] }, { terminationGracePeriodSeconds: 30 });
  await lab.create("stubborn", {
    command: ["sh", "-c", 'trap "" TERM; echo up; while :; do sleep 0.02; done'],
  });
  await Promise.all([lab.ready("polite"), lab.ready("stubborn")]);
  // a container runs from its fork on, its program some time later
  for (const name of ["polite", "stubborn"]) assert.equal(await firstLine(name), "up\n");
  const follow = await lab.client.logs({ namespace: "default", pod: "polite", follow: true });
  const log = text(follow);
  await lab.client.delete(KINDS.Pod, "polite", "default");
  await lab.client.delete(KINDS.Pod, "stubborn", "default");
  assert.match(await log, /term\n$/);
  await lab.gone("polite");
  await lab.gone("stubborn");
});
