/** The lab's load balancers: clients of both families on clusters of one, whichever that is. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { applyManifests, KubeClient, loadKubeconfig, parseManifest } from "../../src/client/index.ts";
import { familyOfText } from "../../src/ip/address.ts";
import type { Family } from "../../src/ip/family.ts";
import { balancerOrphans, inNetns, processOf, startLoad } from "../../src/cli/scenarios/outside-places.ts";
import { outsideOf } from "../../src/lab/index.ts";
import { BALANCER_KINDS, type LoadBalancerPool } from "../../src/objects/balancer/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { KubeEvent, Pod, Service } from "../../src/objects/types.ts";
import { eventually } from "../controllers/cluster.ts";
import { ENVOY } from "../envoy/ads-envoy.ts";
import { type Home, makeHome } from "./tandem.ts";

const PREFIX = "service.beta.kubernetes.io/aws-load-balancer";

const PODS = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: agnhost
          args: [netexec, --http-port=8080, --udp-port=8081]
          readinessProbe: { tcpSocket: { port: 8080 }, timeoutSeconds: 10 }
`;

function service(name: string, annotations: Readonly<Record<string, string>>, spec = ""): string {
  const lines = Object.entries(annotations).map(([key, value]) => `    ${key}: ${JSON.stringify(value)}`);
  return `
---
apiVersion: v1
kind: Service
metadata:
  name: ${name}
  annotations:
${lines.join("\n")}
spec:
  type: LoadBalancer
  loadBalancerClass: tandem.dev/local
  selector: { app: web }
  ${spec || "ports: [{ port: 80, targetPort: 8080 }]"}
`;
}

const DUAL = { [`${PREFIX}-ip-address-type`]: "dualstack" };

for (const family of ["IPv4", "IPv6"] as const) {
  describe(`load balancers of a cluster of ${family}`, {
    skip: ENVOY === undefined && "no Envoy here",
  }, () => {
    const cluster = `balancer-${family.toLowerCase()}`;
    let home: Home;
    let client: KubeClient;

    before(async () => {
      home = makeHome({ name: "whoever runs the tests" });
      const up = home.run(["up", "--name", cluster, "--ip-families", family, "-q", "-f", "-"], PODS);
      assert.equal(up.status, 0, up.stderr);
      client = new KubeClient(await loadKubeconfig(join(home.path, cluster, "kubeconfig")));
    });

    after(() => {
      client?.close();
      home.run(["down", "--name", cluster]);
      home.remove();
    });

    const apply = (yaml: string) => applyManifests(client, parseManifest("this test", yaml));
    const ingressOf = async (name: string) =>
      (await client.get<Service>(KINDS.Service, name, "default")).status?.loadBalancer?.ingress ?? [];
    const addresses = async (name: string, count: number): Promise<string[]> => {
      const found = await eventually(
        () => ingressOf(name),
        (list) => list.length === count,
      );
      return found.flatMap(({ ip }) => ip ?? []);
    };
    const outside = (command: readonly string[], input = ""): string => {
      const { prefix = [] } = outsideOf(join(home.path, cluster)) ?? {};
      const [program = "", ...args] = [...prefix, ...command];
      try {
        return execFileSync(program, args, { encoding: "utf8", input, stdio: "pipe" });
      } catch {
        return "";
      }
    };
    const curl = (ip: string, path: string) =>
      outside(["curl", "-sS", "--max-time", "30", `http://${ip.includes(":") ? `[${ip}]` : ip}${path}`]);
    const answer = (ask: () => string) => eventually(() => Promise.resolve(ask()), Boolean);
    const inPod = (...command: string[]) =>
      home.run(["lab", "exec", "--name", cluster, "deploy/web", "--", ...command]).stdout;
    const problems = async (name: string): Promise<string[]> => {
      const { items } = await client.list<KubeEvent>(KINDS.Event, { namespace: "default" });
      return items
        .filter(({ type, involvedObject }) => type === "Warning" && involvedObject.name === name)
        .map(({ reason, message }) => `${reason}: ${message}`);
    };

    test("nodes as targets, over TCP: clients of both families are served; pods of the own family as well", async () => {
      await apply(service("nodes", DUAL));
      const ips = await addresses("nodes", 2);
      assert.deepEqual(ips.map(familyOfText).toSorted(), ["IPv4", "IPv6"]);
      assert.ok((await ingressOf("nodes")).every(({ ipMode }) => ipMode === "Proxy"));
      for (const ip of ips) assert.match(await answer(() => curl(ip, "/hostname")), /^web-/);
      const own = ips.find((ip) => familyOfText(ip) === family) ?? "";
      const host = own.includes(":") ? `[${own}]` : own;
      assert.match(inPod("curl", "-sS", "--max-time", "20", `http://${host}/hostname`), /^web-/);
    });

    test("pods as targets, over TCP and UDP", async () => {
      const spec =
        "ports: [{ name: web, port: 80, targetPort: 8080 }, { name: udp, port: 53, targetPort: 8081, protocol: UDP }]";
      await apply(service("pods", { ...DUAL, [`${PREFIX}-nlb-target-type`]: "ip" }, spec));
      for (const ip of await addresses("pods", 2)) {
        assert.match(await answer(() => curl(ip, "/hostname")), /^web-/);
        assert.match(await answer(() => outside(["nc", "-u", "-w", "1", ip, "53"], "hostname")), /^web-/);
      }
    });

    test("policy Local: only nodes with pods are sent to", async () => {
      await client.patch(KINDS.Deployment, "web", "default", { spec: { replicas: 1 } }, { type: "merge" });
      // the other pod is served by until it is gone
      await eventually(
        () => client.list<Pod>(KINDS.Pod, { namespace: "default", labelSelector: "app=web" }),
        ({ items }) => items.length === 1,
      );
      const spec = "externalTrafficPolicy: Local\n  ports: [{ port: 80, targetPort: 8080 }]";
      await apply(service("near", DUAL, spec));
      for (const ip of await addresses("near", 2)) {
        await answer(() => curl(ip, "/hostname"));
        for (let count = 0; count < 10; count++) assert.match(curl(ip, "/hostname"), /^web-/);
      }
    });

    test("addresses that are asked for; those of another are refused with the reason", async () => {
      const asked = ["172.18.254.77", "fd00:172:18:0:fe::77"];
      const wish = { ...DUAL, "tandem.dev/load-balancer-ips": asked.join(",") };
      await apply(service("asked", wish));
      assert.deepEqual((await addresses("asked", 2)).toSorted(), asked.toSorted());
      await apply(service("late", wish));
      await eventually(
        () => problems("late"),
        (told) =>
          asked.every((ip) =>
            told.includes(`AddressNotUsable: ${ip} cannot be given: Service default/asked has it`),
          ),
      );
      assert.deepEqual(await ingressOf("late"), []);
      await client.delete(KINDS.Service, "asked", "default");
      assert.deepEqual((await addresses("late", 2)).toSorted(), asked.toSorted());
    });

    test("a balancer that is killed loses no request: Envoy serves on, and is taken over", async () => {
      const place = { stateDir: join(home.path, cluster) };
      const other = (await addresses("nodes", 2)).find((ip) => familyOfText(ip) !== family) ?? "";
      const host = other.includes(":") ? `[${other}]` : other;
      const load = startLoad(place, `http://${host}/hostname`);
      const pid = processOf(place, "balancer") ?? 0;
      assert.ok(pid > 0);
      process.kill(pid, "SIGKILL");
      const next = await eventually(
        () => Promise.resolve(processOf(place, "balancer") ?? pid),
        (found) => found !== pid,
      );
      assert.notEqual(next, pid);
      // a change shows that the next one has Envoy's ear
      await apply(service("after", DUAL));
      const [ip = ""] = await addresses("after", 2);
      assert.match(await answer(() => curl(ip, "/hostname")), /^web-/);
      const { ok, failed } = await load.end();
      assert.deepEqual(failed, {});
      assert.ok(ok > 0);
    });

    test("what is left of a Service that went without clean-up is told, removed, and no longer listened on", async () => {
      const place = { stateDir: join(home.path, cluster) };
      await apply(service("lost", DUAL));
      await addresses("lost", 2);
      const pid = processOf(place, "balancer") ?? 0;
      assert.ok(pid > 0);
      process.kill(pid, "SIGSTOP");
      const metadata = { finalizers: null };
      await client.patch(KINDS.Service, "lost", "default", { metadata }, { type: "merge" });
      await client.delete(KINDS.Service, "lost", "default");
      process.kill(pid, "SIGCONT");
      await eventually(
        () => problems("lost"),
        (list) => list.some((line) => /^GoneWithoutCleanUp: .* what was made for it is removed$/.test(line)),
      );
      assert.deepEqual(await balancerOrphans(place), []);
      const ask = ["curl", "-s", "http://127.0.0.1:19100/listeners"];
      const [nsenter = "", ...enter] = inNetns(place, "cloud");
      const listening = () =>
        Promise.resolve(
          execFileSync(nsenter, [...enter, ...ask], { encoding: "utf8" }).includes("default/lost/"),
        );
      assert.equal(await eventually(listening, (it) => !it), false);
      assert.equal(processOf(place, "balancer"), pid, "it was the same process all the time");
    });

    test("two pools of one family each: the second completes what the first began", async () => {
      const range = (name: string, ranges: string) =>
        apply(
          `apiVersion: tandem.dev/v1alpha1\nkind: LoadBalancerPool\nmetadata: { name: ${name} }\nspec: { autoAssign: true, ranges: ${ranges}, serviceSelector: { matchLabels: { pools: two } }, announce: { interface: eth0 } }\n`,
        );
      const statusIs = (name: string, of: Family, expected: object) =>
        eventually(
          () => client.get<LoadBalancerPool>(BALANCER_KINDS.LoadBalancerPool, name),
          ({ status }) => isDeepStrictEqual(status?.[of], expected),
        );
      await client.patch(
        BALANCER_KINDS.LoadBalancerPool,
        "lab",
        undefined,
        { spec: { autoAssign: false } },
        { type: "merge" },
      );
      await range("four", '{ IPv4: ["172.18.252.10-172.18.252.11"] }');
      // pools and Services are heard of each by themselves: the lab's pool would serve both families still
      await statusIs("four", "IPv4", { used: "0", free: "2" });
      await apply(service("two", DUAL).replace("name: two", "name: two\n  labels: { pools: two }"));
      assert.deepEqual(await addresses("two", 1), ["172.18.252.10"]);
      const told = await eventually(
        () => problems("two"),
        (list) => list.length > 0,
      );
      assert.deepEqual(told, ["NoPoolForFamily: no LoadBalancerPool for this Service has IPv6 addresses"]);
      await range("six", '{ IPv6: ["fd00:172:18:0:fc::10-fd00:172:18:0:fc::11"] }');
      const ips = await addresses("two", 2);
      assert.deepEqual(ips.toSorted(), ["172.18.252.10", "fd00:172:18:0:fc::10"]);
      for (const ip of ips) assert.match(await answer(() => curl(ip, "/hostname")), /^web-/);
      await statusIs("six", "IPv6", { used: "1", free: "1" });
    });
  });
}
