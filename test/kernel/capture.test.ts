import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import {
  applyCapture,
  type CaptureSettings,
  captureScript,
  DEFAULT_CAPTURE,
  gatewaysOfPod,
  linksOfPod,
  removeCapture,
} from "../../src/kernel/capture/index.ts";
import { createExec, type Exec } from "../../src/kernel/index.ts";
import { FAMILIES } from "../../src/ip/family.ts";
import { MARK, type Sidecar, startSidecar } from "./capture-envoy.ts";
import { ADDRESSES, createNamespace, createNetwork, GATEWAY, SERVED, type TestNetwork } from "./network.ts";

const BY_MARK: CaptureSettings = { ...DEFAULT_CAPTURE, guards: { users: [], groups: [], mark: MARK } };
const NO_GUARDS: CaptureSettings = { ...DEFAULT_CAPTURE, guards: { users: [], groups: [] } };

/** As the Service data plane does with callers of a node port. */
const MASQUERADING = `table inet masquerading {
  chain postrouting { type nat hook postrouting priority 100; oifname "v-a" masquerade; }
}`;

describe("a pod whose sidecar is a real Envoy", () => {
  let network: TestNetwork;
  let sidecar: Sidecar;
  let inPod: Exec;

  before(async () => {
    network = await createNetwork();
    const prefix = network.enter("a");
    const run = createExec();
    inPod = (argv, input, signal) => run([...prefix, ...argv], input, signal);
    sidecar = await startSidecar(prefix);
  });
  after(async () => {
    await sidecar?.close();
    await network?.close();
  });
  afterEach(async () => {
    await removeCapture(inPod);
    await sidecar.taken();
  });

  async function ask(from: "a" | "client" | "node", host: string, port: number = SERVED): Promise<string> {
    const [answer = ""] = await network.ask(from, { protocol: "tcp", host, port });
    return answer;
  }

  test("without rules nothing goes through it", async () => {
    for (const family of FAMILIES) {
      assert.equal(await ask("client", ADDRESSES.a[family]), `a ${ADDRESSES.client[family]}`);
    }
    assert.deepEqual(await sidecar.taken(), []);
  });

  test("outbound connections of both families go through it to where they were going", async () => {
    const report = await applyCapture(BY_MARK, inPod);
    assert.deepEqual(report.families, ["IPv4", "IPv6"]);
    for (const family of FAMILIES) {
      assert.equal(await ask("a", ADDRESSES.b[family]), `b ${ADDRESSES.a[family]}`);
    }
    assert.deepEqual(await sidecar.taken(), ["out 10.244.0.4:8080", "out [fd00:10:244::4]:8080"]);
  });

  test("inbound connections go through it, which connects from 127.0.0.6 and ::6", async () => {
    await applyCapture(BY_MARK, inPod);
    assert.equal(await ask("client", ADDRESSES.a.IPv4), "a 127.0.0.6");
    assert.equal(await ask("client", ADDRESSES.a.IPv6), "a ::6");
    assert.deepEqual(await sidecar.taken(), ["in 10.244.0.3:8080", "in [fd00:10:244::3]:8080"]);
  });

  test("the pod talks to itself without it, but by way of it comes in like anybody", async () => {
    await applyCapture(BY_MARK, inPod);
    for (const family of FAMILIES) {
      assert.equal(await ask("a", ADDRESSES.a[family]), `a ${ADDRESSES.a[family]}`);
      assert.equal(
        await ask("a", family === "IPv4" ? "127.0.0.1" : "::1"),
        family === "IPv4" ? "a 127.0.0.1" : "a ::1",
      );
    }
    assert.deepEqual(await sidecar.taken(), []);
  });

  test("UDP and DNS are left alone", async () => {
    await applyCapture(BY_MARK, inPod);
    for (const family of FAMILIES) {
      const [answer] = await network.ask("a", { protocol: "udp", host: ADDRESSES.b[family], port: SERVED });
      assert.equal(answer, `b ${ADDRESSES.a[family]}`);
      assert.equal(await ask("a", ADDRESSES.b[family], 53), "ECONNREFUSED");
    }
    assert.deepEqual(await sidecar.taken(), []);
  });

  test("what is excluded goes past it: ports, ranges of either family, users, interfaces", async () => {
    const exclusions: [Partial<CaptureSettings>, string[]][] = [
      [{ excludeOutboundPorts: [SERVED] }, []],
      [{ excludeOutboundRanges: ["10.244.0.0/24"] }, ["out [fd00:10:244::4]:8080"]],
      [{ excludeOutboundRanges: ["fd00:10:244::4"] }, ["out 10.244.0.4:8080"]],
      [{ includeOutboundRanges: ["fd00:10:244::/64"] }, ["out [fd00:10:244::4]:8080"]],
      [{ includeOutboundRanges: [] }, []],
      [
        { includeOutboundRanges: [], includeOutboundPorts: [SERVED] },
        ["out 10.244.0.4:8080", "out [fd00:10:244::4]:8080"],
      ],
      [{ excludeInterfaces: ["eth0"] }, []],
      [{ excludeUsers: [await idOf("-u")] }, []],
    ];
    for (const [change, expected] of exclusions) {
      await applyCapture({ ...BY_MARK, ...change }, inPod);
      for (const family of FAMILIES) await ask("a", ADDRESSES.b[family]);
      assert.deepEqual(await sidecar.taken(), expected, JSON.stringify(change));
    }
  });

  test("ports that are excluded, or not included, are reached past it", async () => {
    for (const change of [
      { excludeInboundPorts: [SERVED] },
      { includeInboundPorts: [9999] },
      { includeInboundPorts: [] },
    ]) {
      await applyCapture({ ...BY_MARK, ...change }, inPod);
      for (const family of FAMILIES) {
        assert.equal(await ask("client", ADDRESSES.a[family]), `a ${ADDRESSES.client[family]}`);
      }
    }
    await applyCapture({ ...BY_MARK, includeInboundPorts: [SERVED] }, inPod);
    assert.equal(await ask("client", ADDRESSES.a.IPv6), "a ::6");
  });

  test("the sidecar's own ports are its own", async () => {
    await applyCapture(BY_MARK, inPod);
    for (const family of FAMILIES)
      assert.equal(await ask("client", ADDRESSES.a[family], 15021), "ECONNREFUSED");
    assert.deepEqual(await sidecar.taken(), []);
  });

  test("the node probes the application itself, at the ports of its probes only", async () => {
    const nodeAddresses = await gatewaysOfPod(inPod);
    assert.deepEqual(nodeAddresses, [GATEWAY.IPv4, GATEWAY.IPv6]);
    assert.deepEqual(await linksOfPod(inPod), ["eth0"]);
    await applyCapture({ ...BY_MARK, nodeAddresses, probePorts: [SERVED] }, inPod);
    for (const family of FAMILIES) {
      assert.equal(await ask("node", ADDRESSES.a[family]), `a ${GATEWAY[family]}`);
    }
    assert.equal(await ask("client", ADDRESSES.a.IPv4), "a 127.0.0.6");
    await applyCapture({ ...BY_MARK, nodeAddresses, probePorts: [9999] }, inPod);
    assert.equal(await ask("node", ADDRESSES.a.IPv4), "a 127.0.0.6");
  });

  test("what the node forwards in its own name is no probe, as its hop limit is another one", async () => {
    const nodeAddresses = await gatewaysOfPod(inPod);
    const probes = { ...BY_MARK, nodeAddresses, probePorts: [SERVED] };
    await onNode(["nft", "-f", "-"], MASQUERADING);
    for (const family of FAMILIES) {
      await onNode(["ip", "route", "replace", ADDRESSES.a[family], "dev", "v-a", "hoplimit", "255"]);
      await applyCapture(probes, inPod);
      assert.equal(await ask("client", ADDRESSES.a[family]), `a ${GATEWAY[family]}`, "taken for a probe");
      await applyCapture({ ...probes, probeHopLimit: 255 }, inPod);
      assert.match(await ask("client", ADDRESSES.a[family]), /^a (127\.0\.0\.6|::6)$/);
      assert.equal(await ask("node", ADDRESSES.a[family]), `a ${GATEWAY[family]}`);
    }
    await onNode(["nft", "delete", "table", "inet", "masquerading"]);
  });

  async function onNode(argv: string[], input?: string): Promise<void> {
    const { code, stderr } = await network.exec(argv, input === undefined ? undefined : [input]);
    assert.equal(code, 0, stderr);
  }

  test("without a guard the sidecar would call itself for ever", async () => {
    await applyCapture(NO_GUARDS, inPod);
    for (const family of FAMILIES)
      assert.notEqual(await ask("a", ADDRESSES.b[family]), `b ${ADDRESSES.a[family]}`);
    assert.ok((await sidecar.taken()).length !== 1);
  });

  test("the guards by user and by group are as good, where users can be told apart", async () => {
    // the agent has the sidecar's user: what it asks is taken for the sidecar's and goes out as it is
    await applyCapture({ ...DEFAULT_CAPTURE, guards: { users: [await idOf("-u")], groups: [] } }, inPod);
    assert.equal(await ask("a", ADDRESSES.b.IPv4), `b ${ADDRESSES.a.IPv4}`);
    await applyCapture({ ...DEFAULT_CAPTURE, guards: { users: [], groups: [await idOf("-g")] } }, inPod);
    assert.equal(await ask("a", ADDRESSES.b.IPv6), `b ${ADDRESSES.a.IPv6}`);
    assert.deepEqual(await sidecar.taken(), []);
  });

  /** The user or group of the pod's processes, as the pod's user namespace has it. */
  async function idOf(flag: "-u" | "-g"): Promise<number> {
    return Number((await inPod(["id", flag])).stdout);
  }
});

describe("the rules", () => {
  test("are replaced as a whole, and can be taken away twice", async () => {
    const { exec, close } = await createNamespace();
    try {
      const one = await applyCapture({ ...BY_MARK, excludeOutboundPorts: [1] }, exec);
      const two = await applyCapture(BY_MARK, exec);
      assert.match(one.rules, /tcp dport \{ 1, 53, 15021, 15090 \}/);
      assert.doesNotMatch(two.rules, /\{ 1, 53/);
      assert.deepEqual(two.families, []);
      await removeCapture(exec);
      await removeCapture(exec);
      assert.equal((await exec(["nft", "list", "tables"])).stdout, "");
    } finally {
      await close();
    }
  });

  test("hold for IPv4 where there is no IPv6 at all", async () => {
    const { exec, close } = await createNamespace();
    try {
      await exec(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"]);
      await exec(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6"]);
      const { rules } = await applyCapture(BY_MARK, exec);
      assert.match(rules, /redirect to :15001/);
    } finally {
      await close();
    }
  });

  test("are not there at all when one of them is not taken, and the reason is told", async () => {
    const { exec, close } = await createNamespace();
    try {
      await applyCapture(BY_MARK, exec);
      const before = (await exec(["nft", "list", "ruleset"])).stdout;
      const bad = { ...BY_MARK, excludeInterfaces: ["a name that is far too long for one"] };
      await assert.rejects(
        applyCapture(bad, exec),
        /cannot capture the pod's traffic: nft did not take the rules: /,
      );
      assert.equal((await exec(["nft", "list", "ruleset"])).stdout, before);
      const asNobody: Exec = (argv, input) =>
        exec(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", ...argv], input);
      await assert.rejects(applyCapture(BY_MARK, asNobody), /capability NET_ADMIN/);
    } finally {
      await close();
    }
  });

  test("hold no range twice: nft refuses sets whose parts overlap", () => {
    const script = captureScript({
      ...BY_MARK,
      excludeOutboundRanges: ["10.1.0.0/16", "10.0.0.0/8", "10.1.2.3", "fd00::1", "fd00::/8", "fd00::/8"],
    });
    assert.match(script, /ip daddr 10\.0\.0\.0\/8 return\n\s+ip6 daddr fd00::\/8 return/);
  });
});
