/**
 * The eight applications of Istio's dual-stack load-balancer test (tests/integration/pilot/ds_ep_loadbalancer_test.go),
 * each called over both families from a pod with a sidecar. Istio's test asserts that a Service of both families whose
 * application is bound to the other one than the first fails behind a sidecar; here it answers.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { EXIT } from "../../src/errors/exit-codes.ts";
import { familyOfText } from "../../src/ip/address.ts";
import { FAMILIES, type Family } from "../../src/ip/family.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { Pod, Service } from "../../src/objects/types.ts";
import { type Home, makeHome } from "./tandem.ts";

const NAMESPACE = "echo-ds";
const CALLS = 5;
const RETRIES = 600;
/** Where a sidecar connects to its own application from. */
const OWN_SIDECAR: Readonly<Record<Family, string>> = { IPv4: "127.0.0.6", IPv6: "::6" };

interface App {
  readonly name: string;
  /** The only family that the application listens on. */
  readonly bind?: Family;
  /** A Service of this family alone. */
  readonly only?: Family;
  readonly naked?: true;
}

const CLIENT = "client";
const APPS: readonly App[] = [
  { name: "echo-dual" },
  { name: "echo-v4", bind: "IPv4" },
  { name: "echo-v6", bind: "IPv6" },
  { name: "echo-v4only", bind: "IPv4", only: "IPv4" },
  { name: "echo-v6only", bind: "IPv6", only: "IPv6" },
  { name: "echo-v4-naked", bind: "IPv4", naked: true },
  { name: "echo-v6-naked", bind: "IPv6", naked: true },
];

for (const order of ["IPv4,IPv6", "IPv6,IPv4"] as const) {
  describe(`a mesh whose families are ${order}`, () => {
    const [primary] = order.split(",") as [Family];
    let home: Home;
    let client: KubeClient;

    before(async () => {
      home = makeHome({ name: "whoever runs this" });
      const manifests = join(home.path, "apps.json");
      writeFileSync(manifests, JSON.stringify(manifestsOf(APPS)));
      const up = home.run(["up", "--ip-families", order, "--nodes", "2", "-f", manifests]);
      // the naked applications are dead on a family, and found to be
      assert.equal(up.status, EXIT.findings, up.stderr + up.stdout);
      client = new KubeClient(await loadKubeconfig(join(home.path, "tandem/kubeconfig")));
    });

    after(() => {
      client?.close();
      home.run(["down"]);
      home.remove();
    });

    const podOf = async (app: string): Promise<Pod> => {
      const { items } = await client.list<Pod>(KINDS.Pod, {
        namespace: NAMESPACE,
        labelSelector: `app=${app}`,
      });
      return items[0] as Pod;
    };
    const call = (host: string, name: string): Answer => {
      const curl = ["curl", "-gsS", "-D", "-", "--max-time", "20", "-H", `Host: ${name}.${NAMESPACE}`];
      const target = host.includes(":") ? `[${host}]` : host;
      const command = [...curl, `http://${target}/`];
      return readAnswer(
        home.run(["lab", "exec", "-n", NAMESPACE, `deploy/${CLIENT}`, "--", ...command]).stdout,
      );
    };
    const proxyConfig = async (...args: string[]): Promise<string> => {
      const { metadata } = await podOf(CLIENT);
      const result = home.run(["proxy-config", ...args, metadata.name, "-n", NAMESPACE]);
      assert.equal(result.status, 0, result.stderr);
      return result.stdout;
    };

    test("every application but the naked ones has a sidecar", async () => {
      for (const { name, naked } of [{ name: CLIENT }, ...APPS] as readonly App[]) {
        const containers = (await podOf(name)).spec.initContainers ?? [];
        assert.equal(
          containers.some((container) => container.name === "tandem-proxy"),
          !naked,
          name,
        );
      }
    });

    test("an application that is dead on one family is an endpoint with the other address alone", async () => {
      for (const { name, bind, naked } of APPS) {
        if (bind === undefined || naked) continue;
        await eventually(
          () => proxyConfig("endpoints", "--cluster", `outbound|80||${name}.${NAMESPACE}.svc.cluster.local`),
          (view) => /\d:8080|\]:8080/.test(view) && addressesIn(view).every((family) => family === bind),
        );
      }
    });

    test("an application that listens on both is one endpoint, the primary family's address first", async () => {
      const cluster = `outbound|80||echo-dual.${NAMESPACE}.svc.cluster.local`;
      const view = await eventually(
        () => proxyConfig("endpoints", "--cluster", cluster),
        (text) => addressesIn(text).length === 2,
      );
      assert.equal(addressesIn(view)[0], primary, view);
    });

    for (const app of APPS) {
      for (const family of FAMILIES) {
        test(`${app.name} answers over ${family}`, async () => {
          const service = await client.get<Service>(KINDS.Service, app.name, NAMESPACE);
          const virtual = (service.spec.clusterIPs ?? []).find((ip) => familyOfText(ip) === family);
          assert.equal(virtual === undefined, app.only !== undefined && app.only !== family);
          // a Service of one family is called by its name over the other, as Istio's test does
          const host = virtual ?? `${app.name}.${NAMESPACE}`;
          const first = await eventually(
            async () => call(host, app.name),
            ({ status }) => status === 200,
          );
          const more = Array.from({ length: CALLS }, () => call(host, app.name));
          for (const answer of [first, ...more]) {
            assert.equal(answer.status, 200);
            assert.ok(answer.text.startsWith(`${app.name}-`), answer.text);
            const callers = app.naked
              ? ((await podOf(CLIENT)).status?.podIPs ?? []).map(({ ip }) => ip)
              : Object.values(OWN_SIDECAR);
            // where it listens on both, either is right: where the first is slow, the other one is tried beside it
            const right = app.bind === undefined ? FAMILIES : [app.bind];
            assert.ok(
              callers.some((ip) => ip === answer.caller && right.includes(familyOfText(ip) as Family)),
              answer.caller,
            );
          }
        });
      }
    }

    test("tandem proxy-status has all sidecars in step", async () => {
      const sidecars = 1 + APPS.filter(({ naked }) => !naked).length;
      const inStep = (lines: readonly string[]) => lines.every((line) => /( +SYNCED){5}$/.test(line));
      await eventually(
        async () => home.run(["proxy-status"]).stdout.trim().split("\n").slice(1),
        (lines) => lines.length === sidecars && inStep(lines),
      );
    });
  });
}

/** Asks until it holds, so many times; then what holds is asserted of the last answer anyway. */
async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  let answer = await ask();
  for (let more = RETRIES; more > 0 && !holds(answer); more--) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    answer = await ask();
  }
  assert.ok(holds(answer), typeof answer === "string" ? answer : JSON.stringify(answer));
  return answer;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Where the connection to the application came from. */
  readonly caller: string;
}

function readAnswer(output: string): Answer {
  const [head = "", text = ""] = output.split(/\r?\n\r?\n/);
  const status = Number(/^HTTP\/[\d.]+ (\d+)/.exec(head)?.[1] ?? 0);
  const caller = /^x-client-address: *(\S+)/im.exec(head)?.[1] ?? "";
  return { status, text: text.trim(), caller };
}

/** The families of the addresses in a view of endpoints. */
function addressesIn(view: string): Family[] {
  return [...view.matchAll(/(?:\[([^\]]+)\]|([\d.]+)):8080/g)].flatMap(
    ([, v6, v4]) => familyOfText(v6 ?? v4 ?? "") ?? [],
  );
}

function manifestsOf(apps: readonly App[]): object {
  const namespace = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: NAMESPACE, labels: { "istio-injection": "enabled" } },
  };
  const caller = deployment({ name: CLIENT }, { image: "curlimages/curl", command: ["sleep", "infinity"] });
  const echoes = apps.flatMap((app) => {
    const args = ["-listen=:8080", ...(app.bind === undefined ? [] : [`-bind=${app.bind}`])];
    const ports = [{ containerPort: 8080 }];
    return [service(app), deployment(app, { image: "hashicorp/http-echo", args, ports })];
  });
  return { apiVersion: "v1", kind: "List", items: [namespace, caller, ...echoes] };
}

function service({ name, only }: App): object {
  const families =
    only === undefined
      ? { ipFamilyPolicy: "PreferDualStack" }
      : { ipFamilyPolicy: "SingleStack", ipFamilies: [only] };
  const ports = [{ name: "http", port: 80, targetPort: 8080 }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: NAMESPACE },
    spec: { ...families, selector: { app: name }, ports },
  };
}

function deployment({ name, naked }: App, container: object): object {
  const labels = { app: name };
  const annotations = naked ? { annotations: { "sidecar.istio.io/inject": "false" } } : {};
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: NAMESPACE },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, ...annotations },
        spec: { terminationGracePeriodSeconds: 0, containers: [{ name: "app", ...container }] },
      },
    },
  };
}
