/** Volumes of a node's own files, and what `kubectl debug node/NAME` makes of them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Container, PodSpec } from "../../src/objects/types.ts";
import { temporaryHome, TestCluster } from "./cluster.ts";

const home = temporaryHome();
let lab: TestCluster;

before(async () => {
  lab = await TestCluster.start("hostpath", ["IPv4", "IPv6"], 2);
});

after(async () => {
  await lab?.stop();
  home.remove();
});

/** A pod on a node that mounts a path of it at /at. */
function mounting(node: string, path: string, type: string): [Partial<Container>, Partial<PodSpec>] {
  const volumes = [{ name: "of-node", hostPath: { path, type } }];
  const volumeMounts = [{ name: "of-node", mountPath: "/at" }];
  return [
    { command: ["sleep", "infinity"], volumeMounts },
    { nodeName: node, volumes },
  ];
}

const sh = (pod: string, script: string) => lab.exec(pod, ["sh", "-c", script]);

test("a pod as kubectl debug makes it is in the node's network, with the node's files below /host", async () => {
  const volumes = [{ name: "host-root", hostPath: { path: "/" } }];
  const volumeMounts = [{ name: "host-root", mountPath: "/host" }];
  const own = { hostIPC: true, hostNetwork: true, hostPID: true, nodeName: "node-2", volumes };
  await lab.create("debugger", { command: ["sleep", "infinity"], volumeMounts }, own);
  await lab.ready("debugger");
  for (const where of ["", "chroot /host "]) {
    const { out } = await sh("debugger", `${where}ip -o address show dev eth0`);
    assert.match(out, /inet 172\.18\.0\.3\/16/);
    assert.match(out, /inet6 fd00:172:18::3\/64/);
  }
  assert.equal((await sh("debugger", "hostname; chroot /host cat /etc/hostname")).out, "node-2\nnode-2\n");
  // processes are the pod's own ones: those of the lab see the files of the machine
  assert.equal((await sh("debugger", "chroot /host cat /proc/1/comm; cat /proc/1/comm")).out, "cat\ncat\n");
  assert.equal((await sh("debugger", "chroot /host sh -c 'echo x > /dev/null && cat /dev/null'")).code, 0);
});

test("what is written there other pods of the node see, those of other nodes and the machine do not", async () => {
  const shared = "/var/lib/tandem-test/shared";
  await lab.create("writer", ...mounting("node-1", shared, "DirectoryOrCreate"));
  await lab.ready("writer");
  assert.equal((await sh("writer", "echo hello > /at/file")).code, 0);
  await lab.create("reader", ...mounting("node-1", `${shared}/file`, "File"));
  await lab.ready("reader");
  assert.equal((await sh("reader", "cat /at")).out, "hello\n");
  await lab.create("elsewhere", ...mounting("node-2", shared, "Directory"));
  assert.equal(
    await lab.event("elsewhere", "FailedMount"),
    `MountVolume.SetUp failed for volume "of-node" : hostPath type check failed: ${shared} is not a directory`,
  );
  assert.equal((await sh("debugger", `chroot /host mkdir -p ${shared}`)).code, 0);
  await lab.ready("elsewhere");
  assert.equal((await sh("elsewhere", "ls /at")).out, "");
});

test("of the kernel's files a pod is given its own", async () => {
  await lab.create("kernel", ...mounting("node-1", "/proc/sys/net", ""));
  const { status } = await lab.ready("kernel");
  const read = "cat /at/ipv4/ip_forward; readlink /proc/self/ns/net";
  assert.equal((await sh("kernel", read)).code, 0);
  assert.equal(status?.podIPs?.length, 2);
  assert.equal((await sh("kernel", "test /at/ipv4 -ef /proc/sys/net/ipv4")).code, 0);
});
