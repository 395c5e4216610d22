import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installDefinitions } from "../../src/cli/gateway/definitions.ts";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { GATEWAY_KINDS, type HTTPRoute } from "../../src/objects/gateway/index.ts";
import { type Kind, KINDS } from "../../src/objects/kinds.ts";
import { compile, launch } from "./launch.ts";
import { memoryOf } from "./process-memory.ts";

const SETTLE_MS = 15_000;
const WRITERS = 16;

/**
 * Megabytes (resident, now and at most) of `tandem gateway` as a command of its own, which takes in a burst of routes
 * from an API server that runs alone; no Envoy is connected.
 */
export async function memoryAlone(routes: number): Promise<{ now: number; peak: number }> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-bench-"));
  const children: ChildProcess[] = [];
  try {
    await launch(children, "apiserver", "--data-dir", folder, "--storage", "memory", "--secure-port", "0");
    const kubeconfig = join(folder, "kubeconfig");
    const client = new KubeClient(await loadKubeconfig(kubeconfig));
    await installDefinitions(client);
    compile("gateway");
    const gateway = await launch(
      children,
      "gateway",
      "--kubeconfig",
      kubeconfig,
      "--xds-port",
      "18099",
      "--xds-bind",
      "::1",
    );
    await fill(client, routes);
    await sleep(SETTLE_MS);
    client.close();
    return memoryOf(gateway.pid as number);
  } finally {
    for (const child of children.reverse()) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(client: KubeClient, routes: number): Promise<void> {
  const create = (kind: Kind, name: string, spec: object) =>
    client.create(kind, { metadata: { name, namespace: "default" }, spec });
  await client.create(GATEWAY_KINDS.GatewayClass, {
    metadata: { name: "tandem" },
    spec: { controllerName: "tandem.dev/gateway-controller" },
  });
  await create(KINDS.Service, "web", { ports: [{ port: 80 }], ipFamilyPolicy: "PreferDualStack" });
  await create(GATEWAY_KINDS.Gateway, "edge", {
    gatewayClassName: "tandem",
    listeners: [{ name: "http", port: 80, protocol: "HTTP" }],
  });
  let next = 0;
  const writer = async () => {
    while (next < routes) {
      const name = `route-${next++}`;
      await create(GATEWAY_KINDS.HTTPRoute, name, {
        parentRefs: [{ name: "edge" }],
        hostnames: [`${name}.test`],
        rules: [
          {
            matches: [{ path: { type: "PathPrefix", value: "/a" } }],
            backendRefs: [{ name: "web", port: 80 }],
          },
          { backendRefs: [{ name: "web", port: 80 }] },
        ],
      });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  await untilAccepted(client, `route-${routes - 1}`);
}

async function untilAccepted(client: KubeClient, name: string): Promise<void> {
  for (;;) {
    const { status } = await client.get<HTTPRoute>(GATEWAY_KINDS.HTTPRoute, name, "default");
    if (status?.parents?.[0]?.conditions.some(({ type }) => type === "Accepted")) return;
    await sleep(100);
  }
}
