import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { isReady, temporaryHome, TestCluster } from "./cluster.ts";

const home = temporaryHome();
let lab: TestCluster;

before(async () => {
  lab = await TestCluster.start("capture", ["IPv4", "IPv6"]);
});

after(async () => {
  await lab?.stop();
  home.remove();
});

const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const capture = (...flags: string[]) => ({
  name: "tandem-init",
  image: "tandem",
  args: ["internal", "capture", ...flags],
  env: [field("POD_NAME", "metadata.name"), field("HOST_IPS", "status.hostIPs")],
  terminationMessagePolicy: "FallbackToLogsOnError",
});
const LIST = ["nft", "list", "table", "inet", "tandem-capture"];
const volumeMounts = [{ name: "data", mountPath: "/data" }];
const noting = (name: string, then = "true") => ({
  name,
  image: "busybox",
  volumeMounts,
  command: ["sh", "-c", `(echo ${name}; ${LIST.join(" ")} | grep -c redirect) >> /data/log; ${then}`],
});

test("capture comes first, then the sidecar, the pod's own init containers and the application", async () => {
  await lab.create(
    "order",
    {},
    {
      volumes: [{ name: "data", emptyDir: {} }],
      initContainers: [
        capture("--proxy-mark=1337", "--probe-ports=8080"),
        {
          ...noting("sidecar", "touch /tmp/started; sleep infinity"),
          restartPolicy: "Always",
          startupProbe: {
            exec: { command: ["test", "-e", "/tmp/started"] },
            periodSeconds: 1,
            timeoutSeconds: 60,
            failureThreshold: 60,
          },
        },
        noting("own"),
      ],
      containers: [noting("main", "sleep infinity")],
    },
  );
  await lab.ready("order");
  const done = "until [ $(wc -l < /data/log) = 6 ]; do sleep 0.02; done; cat /data/log";
  assert.equal((await lab.exec("order", ["sh", "-c", done])).out, "sidecar\n3\nown\n3\nmain\n3\n");
  const { out } = await lab.exec("order", LIST);
  assert.match(out, /meta mark 0x00000539 goto proxy/);
  // the node's end of the pod's link and its own addresses, from which the kubelet probes
  assert.match(out, /tcp dport 8080 ip saddr \{ 10\.244\.0\.1, 172\.18\.0\.2 \} return/);
  assert.match(out, /tcp dport 8080 ip6 saddr \{ fd00:172:18::2, fe80::1 \} return/);
});

test("a pod whose capture cannot be set up does not start, and its status and log say why", async () => {
  await lab.create("half", {}, { initContainers: [capture("--exclude-outbound-ranges=10.0.0.0/40")] });
  const pod = await lab.until("half", "in back-off", ({ status }) => {
    return status?.initContainerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff";
  });
  assert.equal(pod.status?.initContainerStatuses?.[0]?.lastState?.terminated?.exitCode, 65);
  const why = pod.status?.initContainerStatuses?.[0]?.lastState?.terminated?.message;
  assert.match(why ?? "", /cannot capture the pod's traffic: it is no address or range/);
  assert.equal(pod.status?.containerStatuses?.[0]?.started, false);
  // to its end: it may be running again
  const log = await lab.client.logs({
    namespace: "default",
    pod: "half",
    container: "tandem-init",
    follow: true,
  });
  assert.match(await text(log), /cannot capture the pod's traffic: it is no address or range/);
});

test("a sandbox that is made anew is captured before anything runs in it", async () => {
  const spec = {
    volumes: [{ name: "data", emptyDir: {} }],
    hostname: "killed-sandbox",
    initContainers: [capture("--proxy-mark=1337")],
  };
  await lab.create("again", noting("main", "sleep infinity"), spec);
  await lab.ready("again");
  // what is noted is in the sandbox's own memory, and goes with it
  const noted = "until [ $(wc -l < /data/log) = 2 ]; do sleep 0.02; done; cat /data/log";
  const notes = async () => (await lab.exec("again", ["timeout", "60", "sh", "-c", noted])).out;
  assert.equal(await notes(), "main\n3\n");
  process.kill(sandboxOf("killed-sandbox"), "SIGKILL");
  await lab.event("again", "SandboxChanged");
  await lab.until("again", "ready again", (pod) => {
    return isReady(pod) && (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0;
  });
  assert.equal(await notes(), "main\n3\n");
});

/** The process on this machine that holds the sandbox of a pod with this host name. */
function sandboxOf(hostname: string): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      if (words.startsWith("unshare\0") && environment.includes(`POD_HOSTNAME=${hostname}`))
        return Number(pid);
    } catch {
      // it has ended, or is somebody else's
    }
  }
  throw new Error(`no sandbox of ${hostname}`);
}

test("a pod is not left half captured by the exclusion of its own link", async () => {
  await lab.create("unlinked", {}, { initContainers: [capture("--exclude-interfaces=net1,eth*")] });
  const pod = await lab.until("unlinked", "in back-off", ({ status }) => {
    return status?.initContainerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff";
  });
  const why = pod.status?.initContainerStatuses?.[0]?.lastState?.terminated?.message;
  assert.match(why ?? "", /it is the pod's own link.*where: annotation excludeInterfaces, value "eth\*"/s);
});
