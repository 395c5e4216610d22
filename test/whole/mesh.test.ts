/** Sidecars with real packets: both families, mutual TLS, policies, and what holds while things fail. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KubeClient } from "../../src/client/index.ts";
import { FAMILIES } from "../../src/ip/family.ts";
import { GATEWAY_KINDS, type HTTPRoute } from "../../src/objects/gateway/index.ts";
import { hasCondition } from "../../src/objects/conditions.ts";
import type { Job } from "../../src/objects/job/types.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import { MESH_KINDS } from "../../src/objects/mesh/index.ts";
import type { Pod, Secret, Service } from "../../src/objects/types.ts";
import { createAuthority } from "../../src/pki/issue.ts";
import { eventually } from "../controllers/cluster.ts";
import { leaveLoad, startLoad, targetsOf } from "./load.ts";
import { ECHOES, manifests } from "./mesh-objects.ts";
import { downAfterTest, type Home, manifestIn, replacePart, upForTest } from "./tandem.ts";

const FLAGS = { IPv4: "-4", IPv6: "-6" } as const;
/** Requests a second, and under way at once at most: more would only queue up on a busy machine. */
const RATE = "50/16";
/** The pod that they come from. */
const FRIEND = ["-n", "clients", "deploy/friend"];
/** Milliseconds of requests around what goes wrong. */
const SPAN = 4000;
const KILLS = 4;
/** Milliseconds between them: each part is up again, and at work, by then. */
const KILL_PAUSE = 1500;

describe("a mesh over both families", () => {
  let home: Home;
  let client: KubeClient;

  before(async () => {
    ({ home, client } = await upForTest((at) => ["-f", manifestIn(at, manifests())]));
  });

  after(() => downAfterTest({ home, client }));

  const podOf = async (namespace: string, app: string): Promise<Pod> => {
    const { items } = await client.list<Pod>(KINDS.Pod, { namespace, labelSelector: `app=${app}` });
    return items.find(({ metadata }) => !metadata.deletionTimestamp) as Pod;
  };
  const ipsOf = async (namespace: string, app: string): Promise<string[]> =>
    ((await podOf(namespace, app)).status?.podIPs ?? []).map(({ ip }) => ip);
  const inPod = (place: string, ...command: string[]) => {
    const [namespace = "", app = ""] = place.split("/");
    return home.run(["lab", "exec", "-n", namespace, `deploy/${app}`, "--", ...command]);
  };
  /** What the server says to a line; the empty text where the connection is refused or cut. */
  const say = (from: string, host: string, ...flags: string[]): string => {
    const command = `(echo it is me; sleep 0.4) | nc ${flags.join(" ")} -w 10 ${host} 9000`;
    return inPod(from, "sh", "-c", command).stdout;
  };
  const webAddresses = async () =>
    (await client.get<Service>(KINDS.Service, "web", "web")).spec.clusterIPs ?? [];
  const webTargets = async () => targetsOf("web.web", await webAddresses());
  const stat = async (namespace: string, app: string, filter: string): Promise<number> => {
    const { metadata } = await podOf(namespace, app);
    const url = `http://127.0.0.1:15000/stats?filter=${filter}`;
    const run = home.run(["lab", "exec", "-n", namespace, metadata.name, "--", "curl", "-gs", url]);
    return Number(/: (\d+)/.exec(run.stdout)?.[1] ?? 0);
  };
  const policy = (namespace: string, spec: object) =>
    client.create(MESH_KINDS.MeshPolicy, { metadata: { name: "test", namespace }, spec });
  const authorization = (namespace: string, spec: object) =>
    client.create(MESH_KINDS.AuthorizationPolicy, { metadata: { name: "test", namespace }, spec });
  /** Waits until a caller is answered, or is not any more. */
  const untilHeard = (from: string, answer: "hello it is me\n" | "") =>
    settled(
      () => say(from, "tcp-echo.dual-stack"),
      (said) => said === answer,
    );
  const withdraw = (kind: keyof typeof MESH_KINDS, namespace: string) =>
    client.delete(MESH_KINDS[kind], "test", namespace);
  const settled = <T>(look: () => T, good: (value: T) => boolean) => eventually(async () => look(), good);

  test("each server answers by name, over each family that its Service has", async () => {
    for (const [place, families] of Object.entries(ECHOES))
      for (const family of families)
        assert.equal(say("clients/friend", `tcp-echo.${place}`, FLAGS[family]), "hello it is me\n", place);
  });

  test("sidecars speak mutual TLS; callers without one are let in as they are", async () => {
    const handshakes = () => stat("dual-stack", "tcp-echo", "15006.ssl.handshake$");
    for (const family of FAMILIES) {
      const before = await handshakes();
      assert.equal(say("clients/friend", "tcp-echo.dual-stack", FLAGS[family]), "hello it is me\n");
      assert.ok((await handshakes()) > before);
      // where the first family was slow, the other was tried beside it, which may still be under way
      await eventually(
        async () => {
          const known = await handshakes();
          const said = say("outside/plain", "tcp-echo.dual-stack", FLAGS[family]);
          return { said, more: (await handshakes()) - known };
        },
        ({ said, more }) => said === "hello it is me\n" && more === 0,
      );
    }
  });

  test("a strict policy turns away callers from outside of the mesh, by Service and by pod address", async () => {
    await policy("dual-stack", { mutualTls: "Strict" });
    const addresses = await ipsOf("dual-stack", "tcp-echo");
    assert.equal(addresses.length, 2);
    await untilHeard("outside/plain", "");
    for (const host of addresses) assert.equal(say("outside/plain", host), "");
    for (const family of FAMILIES) {
      assert.equal(say("outside/plain", "tcp-echo.dual-stack", FLAGS[family]), "");
      assert.equal(say("clients/friend", "tcp-echo.dual-stack", FLAGS[family]), "hello it is me\n");
    }
    await withdraw("MeshPolicy", "dual-stack");
    await untilHeard("outside/plain", "hello it is me\n");
  });

  test("who may call is told by identity", async () => {
    await authorization("dual-stack", {
      rules: [{ from: [{ identities: ["cluster.local/ns/clients/sa/friend"] }] }],
    });
    await untilHeard("clients/stranger", "");
    for (const family of FAMILIES) {
      assert.equal(say("clients/friend", "tcp-echo.dual-stack", FLAGS[family]), "hello it is me\n");
      assert.equal(say("clients/stranger", "tcp-echo.dual-stack", FLAGS[family]), "");
      assert.equal(say("outside/plain", "tcp-echo.dual-stack", FLAGS[family]), "");
    }
    await withdraw("AuthorizationPolicy", "dual-stack");
    await untilHeard("clients/stranger", "hello it is me\n");
  });

  test("and by where they come from, both families in one list", async () => {
    const cidrs = await ipsOf("clients", "friend");
    await authorization("dual-stack", { action: "Allow", rules: [{ from: [{ cidrs }] }] });
    await untilHeard("clients/stranger", "");
    for (const family of FAMILIES) {
      assert.equal(say("clients/friend", "tcp-echo.dual-stack", FLAGS[family]), "hello it is me\n");
      assert.equal(say("clients/stranger", "tcp-echo.dual-stack", FLAGS[family]), "");
    }
    await withdraw("AuthorizationPolicy", "dual-stack");
    await untilHeard("clients/stranger", "hello it is me\n");
  });

  test("a Job in the mesh calls with its sidecar, which does not keep it from completing", async () => {
    const command = ["sh", "-c", "(echo it is me; sleep 0.4) | nc -w 10 tcp-echo.dual-stack 9000"];
    const container = { name: "call", image: "busybox", command };
    const template = { spec: { restartPolicy: "OnFailure", containers: [container] } };
    const metadata = { name: "caller", namespace: "clients" };
    await client.create(KINDS.Job, { metadata, spec: { template } } as never);
    await eventually(
      () => client.get<Job>(KINDS.Job, "caller", "clients"),
      (job) => hasCondition(job, "Complete"),
    );
    const labelSelector = "job-name=caller";
    const { items } = await client.list<Pod>(KINDS.Pod, { namespace: "clients", labelSelector });
    const [pod] = items;
    const sidecar = pod?.status?.initContainerStatuses?.find(({ name }) => name === "tandem-proxy");
    assert.ok(sidecar?.state?.terminated, "it had a sidecar, which has ended");
    const path = `/api/v1/namespaces/clients/pods/${pod?.metadata.name}/log?container=call`;
    assert.equal((await client.request("GET", path)).body, "hello it is me\n");
    await client.delete(KINDS.Job, "caller", "clients", { propagationPolicy: "Background" });
  });

  test("requests by method and path", async () => {
    const code = (...args: string[]) =>
      inPod("clients/friend", ...CURL, "-o", "/dev/null", "-w", "%{http_code}", ...args).stdout;
    await authorization("web", {
      action: "Deny",
      rules: [{ to: [{ methods: ["POST"], paths: ["/admin/*"] }] }],
    });
    await settled(
      () => code("-X", "POST", "http://web.web/admin/1"),
      (said) => said === "403",
    );
    assert.equal(code("http://web.web/admin/1"), "200");
    assert.equal(code("-X", "POST", "http://web.web/other"), "200");
    await withdraw("AuthorizationPolicy", "web");
  });

  test("connections to nobody known pass, or are blocked where a policy says so", async () => {
    const addresses = await ipsOf("outside", "server");
    for (const host of addresses) assert.equal(say("clients/friend", host), "hello it is me\n");
    await policy("clients", { unknownOutbound: "Blocked" });
    for (const host of addresses)
      await settled(
        () => say("clients/friend", host),
        (said) => said === "",
      );
    assert.equal(say("clients/friend", "tcp-echo.dual-stack"), "hello it is me\n");
    await withdraw("MeshPolicy", "clients");
    for (const host of addresses)
      await settled(
        () => say("clients/friend", host),
        (said) => said === "hello it is me\n",
      );
  });

  test("a route with a Service as its parent is served to callers of the Service once it is Accepted", async () => {
    const filter = {
      type: "ResponseHeaderModifier",
      responseHeaderModifier: { add: [{ name: "x-by", value: "mesh" }] },
    };
    await client.create(GATEWAY_KINDS.HTTPRoute, {
      metadata: { name: "web", namespace: "web" },
      spec: {
        parentRefs: [{ group: "", kind: "Service", name: "web", port: 80 }],
        rules: [{ filters: [filter], backendRefs: [{ name: "web", port: 80 }] }],
      },
    });
    await eventually(
      () => client.get<HTTPRoute>(GATEWAY_KINDS.HTTPRoute, "web", "web"),
      ({ status }) =>
        status?.parents.some(
          ({ controllerName, conditions }) =>
            controllerName === "tandem.dev/mesh-controller" &&
            conditions.some(({ type, status }) => type === "Accepted" && status === "True"),
        ) ?? false,
    );
    for (const family of FAMILIES)
      assert.match(
        inPod("clients/friend", ...CURL, "-i", FLAGS[family], "http://web.web/").stdout,
        /x-by: mesh/,
      );
    await client.delete(GATEWAY_KINDS.HTTPRoute, "web", "web");
  });

  test("requests go on while the authority changes, with certificates of the new one", async () => {
    const serials = (): string => {
      const { stdout } = inPod("web/web", "curl", "-s", "http://127.0.0.1:15000/certs");
      return [...stdout.matchAll(/"serial_number": "([0-9a-f]+)"[^}]*?spiffe[^}]*ns\/web/gs)]
        .map(([, serial]) => serial)
        .join();
    };
    const before = serials();
    assert.notEqual(before, "");
    const load = await startLoad(home, FRIEND, RATE, await webTargets());
    const next = await createAuthority("next");
    const data = { "tls.crt": base64(next.certificate), "tls.key": base64(next.key) };
    await client.patch(KINDS.Secret, "tandem-mesh-ca", "tandem-system", { data }, { type: "merge" });
    await settled(serials, (now) => now !== "" && now !== before);
    await new Promise((resolve) => setTimeout(resolve, SPAN / 2));
    const report = await load.end();
    assert.deepEqual(report.failed, {});
    assert.ok(report.ok > 0, JSON.stringify(report));
    const secret = await eventually(
      () => client.get<Secret>(KINDS.Secret, "tandem-mesh-friend", "clients"),
      ({ data: now }) => fromBase64(now?.["ca.crt"]).includes(next.certificate.trim()),
    );
    assert.ok(secret);
  });

  test("requests go on while the control plane and the mesh are killed", async () => {
    // exec goes through the control plane, so the load runs on its own and leaves its report in a file
    const seconds = (KILLS * KILL_PAUSE) / 1000 + 2;
    const report = leaveLoad(home, FRIEND, RATE, await webTargets(), seconds);
    for (let kill = 0; kill < KILLS; kill++) {
      await replacePart(home, kill % 2 === 0 ? "mesh" : "control-plane");
      await new Promise((resolve) => setTimeout(resolve, KILL_PAUSE));
    }
    const seen = await settled(report, (found) => found !== undefined);
    assert.deepEqual(seen?.failed, {});
    assert.ok(seen.ok > 0, JSON.stringify(seen));
    // and what comes afterwards is taken in
    await eventually(
      () => policy("dual-stack", { mutualTls: "Strict" }).catch(() => undefined),
      (made) => made !== undefined,
    );
    await untilHeard("outside/plain", "");
    await withdraw("MeshPolicy", "dual-stack");
  });

  test("requests go on over the other family when one of the server's is lost", async (t) => {
    const { metadata } = await podOf("web", "web");
    const caller = (await podOf("clients", "friend")).metadata.name;
    const view = [caller, "-n", "clients", "--cluster", "outbound|80||web.web.svc.cluster.local"];
    /** The kubelet looks every 10 s: once it has found a family lost, callers have the other one alone for a while. */
    const whole = async (): Promise<boolean> => {
      const found = (await podOf("web", "web")).status?.conditions ?? [];
      const ready = FAMILIES.every((family) =>
        found.some(({ type, status }) => type === `tandem.dev/${family}Ready` && status === "True"),
      );
      const { stdout } = home.run(["proxy-config", "endpoints", ...view]);
      return ready && /\d:8080/.test(stdout) && /\]:8080/.test(stdout);
    };
    for (const family of FAMILIES) {
      await eventually(whole, Boolean);
      const load = await startLoad(home, FRIEND, RATE, await webTargets());
      await new Promise((resolve) => setTimeout(resolve, SPAN / 2));
      const broken = home.run(["lab", "break", "pod", `web/${metadata.name}`, "--family", family]);
      assert.equal(broken.status, 0, broken.stderr);
      await new Promise((resolve) => setTimeout(resolve, SPAN));
      const report = await load.end();
      t.diagnostic(`${family} lost: ${JSON.stringify(report)}`);
      assert.deepEqual(report.failed, {});
      assert.equal(home.run(["lab", "mend"]).status, 0);
      await new Promise((resolve) => setTimeout(resolve, SPAN));
    }
  });
});

const CURL = ["curl", "-sS", "--max-time", "20", "-g"];

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function fromBase64(text = ""): string {
  return Buffer.from(text, "base64").toString();
}
