import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type FamilyIps, ipsOf, temporaryHome, TestCluster } from "./cluster.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { UserError } from "../../src/errors/user-error.ts";
import { FAMILIES, type Family } from "../../src/ip/family.ts";
import { askFaults, type FaultEffect, type FaultTarget } from "../../src/lab/index.ts";

const home = temporaryHome();
let lab: TestCluster;
let ips: FamilyIps;
const IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53";
const WEB: FaultTarget = { kind: "pod", namespace: "default", name: "web" };
const ALL = { IPv4: "ok", IPv6: "ok" };

before(async () => {
  lab = await TestCluster.start("faults", ["IPv4", "IPv6"], 2);
  const readinessProbe = { httpGet: { path: "/healthz", port: 8080 } };
  const netexec = { image: IMAGE, args: ["netexec"], readinessProbe };
  await lab.create("web", netexec, { nodeName: "node-1" });
  await lab.create("near", netexec, { nodeName: "node-1" });
  await lab.create("far", netexec, { nodeName: "node-2" });
  const [web] = await Promise.all(["web", "near", "far"].map((name) => lab.ready(name)));
  ips = ipsOf(web!);
});

after(async () => {
  await lab?.stop();
  home.remove();
});

const break_ = (target: FaultTarget, effect: FaultEffect) =>
  askFaults(lab.cluster.stateDir, { op: "break", spec: { target, effect } });
const mend = (target?: FaultTarget) =>
  askFaults(lab.cluster.stateDir, { op: "mend", ...(target && { target }) });
const list = () => askFaults(lab.cluster.stateDir, { op: "list" });

/**
 * Asserts what a connection to the pod `web` comes to, over each family: `ok`, or the word that agnhost says. Only where
 * that is TIMEOUT it does not wait for long: on a busy machine a connection that is made may need more.
 */
async function reaches(from: string, expected: Readonly<Record<Family, string>>): Promise<void> {
  const tries = FAMILIES.map(async (family) => {
    const place = `${family === "IPv6" ? `[${ips[family]}]` : ips[family]}:8080`;
    const timeout = expected[family] === "TIMEOUT" ? "500ms" : "10s";
    const { code, err } = await lab.exec(from, ["/agnhost", "connect", `--timeout=${timeout}`, place]);
    return [family, code === 0 ? "ok" : err.trim().split(":")[0]];
  });
  assert.deepEqual(Object.fromEntries(await Promise.all(tries)), expected);
}

test("a family of a pod is gone for everyone, the other stays; mended, both are back", async () => {
  await reaches("far", ALL);
  for (const family of FAMILIES) {
    const [fault] = await break_(WEB, { kind: "loss", family, percent: 100 });
    await reaches("far", { ...ALL, [family]: "TIMEOUT" });
    await reaches("near", { ...ALL, [family]: "TIMEOUT" });
    assert.deepEqual(await list(), [fault]);
    assert.deepEqual(await mend(WEB), [fault]);
    await reaches("far", ALL);
  }
  assert.deepEqual(await list(), []);
});

test("a pod bound to one family refuses the other, on one port or all", async () => {
  await break_(WEB, { kind: "bind", family: "IPv4", port: 8080 });
  await reaches("near", { ...ALL, IPv6: "REFUSED" });
  await mend();
  await break_(WEB, { kind: "bind", family: "IPv6" });
  await reaches("near", { ...ALL, IPv4: "REFUSED" });
  await mend();
  await reaches("near", ALL);
});

test("a node loses a family towards the others, and stays a node", async () => {
  await break_({ kind: "node", name: "node-1" }, { kind: "loss", family: "IPv4", percent: 100 });
  await reaches("far", { ...ALL, IPv4: "TIMEOUT" });
  await reaches("near", ALL);
  assert.equal((await lab.exec("web", ["echo", "there"])).out, "there\n");
  await mend();
  await reaches("far", ALL);
});

test("a link loses a family; it has no direction, and mending one fault leaves the others", async () => {
  const link: FaultTarget = { kind: "link", nodes: ["node-1", "node-2"] };
  await break_(link, { kind: "loss", family: "IPv6", percent: 100 });
  await break_(WEB, { kind: "loss", family: "IPv4", percent: 100 });
  await reaches("far", { IPv4: "TIMEOUT", IPv6: "TIMEOUT" });
  await reaches("near", { ...ALL, IPv4: "TIMEOUT" });
  await mend({ kind: "link", nodes: ["node-2", "node-1"] });
  await reaches("far", { ...ALL, IPv4: "TIMEOUT" });
  await mend();
  await reaches("far", ALL);
});

test("loss takes some packets of a family and leaves the other alone", async () => {
  await break_(WEB, { kind: "loss", family: "IPv6", percent: 50 });
  const shell = (address: string, timeout: string) =>
    `for i in $(seq 40); do /agnhost connect --protocol=udp --timeout=${timeout} ${address}:8081 2>/dev/null && echo ok; done; true`;
  const count = async (address: string, timeout: string) =>
    (await lab.exec("near", ["sh", "-c", shell(address, timeout)])).out.split("\n").filter(Boolean).length;
  const [four, six] = await Promise.all([count(ips.IPv4!, "10s"), count(`[${ips.IPv6}]`, "250ms")]);
  await mend();
  // a question and its answer both come through with a chance of 1 in 4: none or all of 40 has one below 1 in 90,000
  assert.equal(four, 40);
  assert.ok(six > 0 && six < 40, `${six} of 40 came through`);
});

test("a frozen pod takes connections and answers nothing; it goes on where it was", async () => {
  await break_(WEB, { kind: "freeze" });
  const ask = (seconds: string) =>
    lab.exec("near", ["curl", "-sm", seconds, `http://${ips.IPv4}:8080/hostname`]);
  assert.equal((await ask("1")).code, 28);
  await reaches("near", ALL);
  await mend();
  assert.deepEqual(await ask("10"), { code: 0, out: "web", err: "" });
});

test("a stopped node is gone with its pods, and comes back with them", async () => {
  const target: FaultTarget = { kind: "node", name: "node-1" };
  await break_(target, { kind: "stop" });
  await reaches("far", { IPv4: "TIMEOUT", IPv6: "TIMEOUT" });
  await mend(target);
  await reaches("far", ALL);
  assert.equal((await lab.exec("web", ["echo", "back"])).out, "back\n");
});

test("what is not there, or does not fit, is refused with what there is", async () => {
  const gone = { kind: "loss", percent: 100 } as const;
  const refused = (target: FaultTarget, effect: FaultEffect, text: RegExp) =>
    assert.rejects(break_(target, effect), (error) => error instanceof UserError && text.test(error.message));
  await refused(
    { kind: "pod", namespace: "default", name: "none" },
    gone,
    /no such pod; pods that run: .*default\/web/,
  );
  await refused({ kind: "node", name: "node-9" }, gone, /no node node-9; nodes: node-1, node-2/);
  await refused({ kind: "link", nodes: ["node-1", "node-1"] }, gone, /two different nodes/);
  await lab.create("inhost", { command: ["sleep", "infinity"] }, { hostNetwork: true, nodeName: "node-2" });
  await lab.ready("inhost");
  await refused(
    { kind: "pod", namespace: "default", name: "inhost" },
    gone,
    /uses the network of its node, node-2/,
  );
  await assert.rejects(mend(WEB), /nothing is broken there; no fault is in force/);
  await assert.rejects(
    break_(WEB, { kind: "loss", percent: 1.5 }),
    (error) => error instanceof UserError && /1\.5 is not a whole number/.test(error.message),
  );
  assert.deepEqual(await list(), []);
});

test("a pod's faults end with it", async () => {
  await lab.create("brief", { command: ["sleep", "infinity"] });
  await lab.ready("brief");
  await break_({ kind: "pod", namespace: "default", name: "brief" }, { kind: "loss", percent: 100 });
  assert.equal((await list()).length, 1);
  await lab.client.delete(KINDS.Pod, "brief", "default");
  await lab.gone("brief");
  assert.deepEqual(await list(), []);
});
