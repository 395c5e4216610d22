/** Readiness per family: what the kubelet finds at each address of a pod, and what the data planes make of it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deafPort, explainSilence, parseListeners } from "../../src/lab/kubelet/listeners.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Condition, Pod, Service } from "../../src/objects/types.ts";
import { isReady, temporaryHome, TestCluster } from "./cluster.ts";

const home = temporaryHome();
let lab: TestCluster;

before(async () => {
  lab = await TestCluster.start("families", ["IPv4", "IPv6"]);
});

after(async () => {
  await lab?.stop();
  home.remove();
});

function server(host: string, options = "") {
  const script = `require("net").createServer((s) => s.on("error", () => {}).end("hello")).listen({ port: 8080, host: "${host}"${options} })`;
  return { command: ["node", "-e", script], ports: [{ containerPort: 8080 }] };
}

/** It takes as long as a busy machine needs: a try that ends for its time is no verdict on a family. */
const PROBE = { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, timeoutSeconds: 60 } };

function conditionOf(pod: Pod, family: string): Condition | undefined {
  return pod.status?.conditions?.find(({ type }) => type === `tandem.dev/${family}Ready`);
}

function judged(name: string): Promise<Pod> {
  return lab.until(name, "judged", (pod) => !!conditionOf(pod, "IPv4") && !!conditionOf(pod, "IPv6"));
}

test("a server on both families is ready over both", async () => {
  await lab.create("both", { ...server("::"), ...PROBE });
  const pod = await judged("both");
  for (const family of ["IPv4", "IPv6"]) assert.equal(conditionOf(pod, family)?.status, "True");
});

test("a server on 0.0.0.0 is ready, as Kubernetes says, and not over IPv6, with what to bind", async () => {
  for (const [name, probe] of [["probed", PROBE] as const, ["declared", {}] as const]) {
    await lab.create(name, { ...server("0.0.0.0"), ...probe });
    const pod = await judged(name);
    assert.ok(isReady(await lab.ready(name)));
    assert.equal(conditionOf(pod, "IPv4")?.status, "True");
    const { status, reason, message } = conditionOf(pod, "IPv6") as Condition;
    const wanted = {
      status: "False",
      reason: "ListensElsewhere",
      message: "listens on 0.0.0.0:8080; bind [::]:8080",
    };
    assert.deepEqual({ status, reason, message }, wanted);
  }
});

test("a server on loopback alone is ready over no family, unless something else of its pod is heard", async () => {
  await lab.create("inward", server("127.0.0.1"));
  await lab.create("inward-six", server("::1"));
  await lab.create("behind", {
    command: ["node", "-e", HEARD_ELSEWHERE],
    ports: [{ containerPort: 8080 }],
  });
  for (const [name, place] of [
    ["inward", "127.0.0.1"],
    ["inward-six", "[::1]"],
  ] as const) {
    const pod = await judged(name);
    const wanted = ["False", "ListensElsewhere", `listens on ${place}:8080; bind [::]:8080`];
    for (const family of ["IPv4", "IPv6"]) {
      const { status, reason, message } = conditionOf(pod, family) as Condition;
      assert.deepEqual([status, reason, message], wanted);
    }
    assert.ok(isReady(pod), "Ready stays what Kubernetes says");
  }
  // made with the others, and looked at as often
  assert.equal(conditionOf(await lab.ready("behind"), "IPv4")?.status, undefined);
});

test("a server that comes back on both families becomes ready over both", async () => {
  const command = [
    "sh",
    "-c",
    `if [ -e /tmp/again ]; then ${nodeOn("::")}; else touch /tmp/again; ${nodeOn("0.0.0.0")}; fi`,
  ];
  await lab.create("mended", { command, ports: [{ containerPort: 8080 }], ...PROBE });
  await lab.until("mended", "deaf", (pod) => conditionOf(pod, "IPv6")?.status === "False");
  await lab.exec("mended", ["sh", "-c", "kill $(pgrep -f 'listen.*8080' | head -n 1) || kill -9 -1"]);
  await lab.until("mended", "mended", (pod) => conditionOf(pod, "IPv6")?.status === "True");
});

function nodeOn(host: string): string {
  return `node -e 'require("net").createServer((s) => s.end()).listen(8080, "${host}")'`;
}

/** A server that is heard, and once it is, another one on loopback: never that alone, however slow the machine is. */
const HEARD_ELSEWHERE = `const net = require("net");
const listen = (port, host, then) => net.createServer((s) => s.end()).listen(port, host, then);
listen(8081, "::", () => listen(8080, "127.0.0.1"));`;

test("enforced, the pod is left out for that family alone: by the rules, and by names without an address", async () => {
  await lab.create("left", { ...server("0.0.0.0"), ...PROBE });
  await judged("left");
  await lab.create("asker", { command: ["sleep", "infinity"] });
  await lab.ready("asker");
  const ports = [{ port: 80, targetPort: 8080, protocol: "TCP" as const }];
  const create = (name: string, spec: object, mode: string) =>
    lab.client.create<Service>(KINDS.Service, {
      metadata: { name, namespace: "default", annotations: { "tandem.dev/family-readiness": mode } },
      spec: { selector: { app: "left" }, ipFamilyPolicy: "RequireDualStack", ports, ...spec },
    });
  await create("headless-enforced", { clusterIP: "None" }, "enforce");
  await create("headless-reported", { clusterIP: "None" }, "report");
  const { spec } = await create("enforced", {}, "enforce");
  const lookUp = async (name: string, type: string) => {
    const script = `new (require("dns").promises.Resolver)().resolve("${name}.default.svc.cluster.local", "${type}").then((l) => console.log(l.length), (e) => console.log(e.code))`;
    return (await lab.exec("asker", ["node", "-e", script])).out.trim();
  };
  const until = async (name: string, type: string, expected: string) => {
    for (let attempt = 0; attempt < 600; attempt++) if ((await lookUp(name, type)) === expected) return;
    assert.equal(await lookUp(name, type), expected);
  };
  await until("headless-reported", "AAAA", "1");
  await until("headless-enforced", "A", "1");
  await until("headless-enforced", "AAAA", "ENODATA");
  const connect = async (host: string) => {
    const script = `require("net").connect(80, "${host}").on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code))`;
    return (await lab.exec("asker", ["node", "-e", script])).out.trim();
  };
  const [v4 = "", v6 = ""] = spec.clusterIPs ?? [];
  for (let attempt = 0; attempt < 600 && (await connect(v4)) !== "hello"; attempt++);
  assert.equal(await connect(v4), "hello");
  assert.equal(await connect(v6), "ECONNREFUSED");
});

const TCP6 = `  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
   1: 000010FD44020000000000000A000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
   2: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 01 00000000:00000000 00:00000000
`;

test("the kernel's table of sockets is read as it is written", () => {
  const v4 = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n";
  assert.deepEqual(parseListeners(v4, "IPv4"), [{ family: "IPv4", address: "127.0.0.1", port: 8080 }]);
  assert.deepEqual(
    parseListeners(TCP6, "IPv6").map(({ address, port }) => [address, port]),
    [
      ["::", 8080],
      ["fd10:0:0:244::a", 8081],
    ],
  );
});

test("a port is deaf where all that a pod listens on is loopback, its sidecar aside", () => {
  const on = (address: string, port = 8080) =>
    ({ family: address.includes(":") ? "IPv6" : "IPv4", address, port }) as const;
  const sidecar = [on("0.0.0.0", 15006), on("::", 15006), on("0.0.0.0", 15090)];
  assert.equal(deafPort([80, 8080], [on("127.0.0.1"), ...sidecar]), 8080);
  assert.equal(deafPort([8080], [on("::1"), on("127.0.0.2")]), 8080);
  assert.equal(deafPort([8080], [on("::ffff:127.0.0.1")]), 8080);
  assert.equal(deafPort([8080], sidecar), undefined);
  assert.equal(deafPort([8080], [on("127.0.0.1"), on("::", 80)]), undefined);
  assert.equal(deafPort([8080], [on("::1"), on("10.0.0.5")]), undefined);
});

test("what to bind follows from what listens", () => {
  const four = (address: string) => ({ family: "IPv4" as const, address, port: 8080 });
  const six = (address: string) => ({ family: "IPv6" as const, address, port: 8080 });
  const why = (family: "IPv4" | "IPv6", listeners: Parameters<typeof explainSilence>[3]) =>
    explainSilence(family, family === "IPv4" ? "10.0.0.5" : "fd00::5", 8080, listeners, "refused").message;
  assert.equal(why("IPv6", []), "nothing listens on port 8080");
  assert.equal(why("IPv6", [four("0.0.0.0")]), "listens on 0.0.0.0:8080; bind [::]:8080");
  assert.equal(
    why("IPv6", [four("10.0.0.5"), six("::1")]),
    "listens on 10.0.0.5:8080 and [::1]:8080; bind [::]:8080",
  );
  assert.equal(why("IPv4", [six("fd00::5")]), "listens on [fd00::5]:8080; bind [::]:8080");
  const only = "listens on [::]:8080 for IPv6 only; clear IPV6_V6ONLY, or bind 0.0.0.0:8080 too";
  assert.equal(why("IPv4", [six("::")]), only);
  assert.equal(why("IPv6", [six("::")]), "refused");
});
