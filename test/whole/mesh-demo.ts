/** Deployments and Services of both families in the namespace `demo`, for tests of sidecars; an Envoy that refuses. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENVOY } from "../envoy/ads-envoy.ts";
import type { Home } from "./tandem.ts";

const IN_LAB = "/run/tandem/app/.tools/envoy/bin/envoy";

/** The namespace `demo`, whose pods get sidecars. */
export const DEMO = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "demo", labels: { "tandem.dev/inject": "enabled" } },
};

/** A Deployment of one container; the pods' label `app` is its name. */
export function deployment(name: string, container: object, labels: object = {}, more: object = {}): object {
  const all = { app: name, ...labels };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "demo" },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: all }, spec: { ...more, containers: [{ name, ...container }] } },
    },
  };
}

/** A Service of both families, IPv4 first, in front of the Deployment of its name or of another one. */
export function service(name: string, port: object, app = name, more: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "demo" },
    spec: {
      ipFamilyPolicy: "RequireDualStack",
      ipFamilies: ["IPv4", "IPv6"],
      selector: { app },
      ports: [port],
      ...more,
    },
  };
}

/** A Deployment that answers HTTP requests on port 8080 with its name. */
export function echo(name: string): object {
  return deployment(name, {
    image: "hashicorp/http-echo",
    args: ["-listen=:8080", `-text=${name}`],
    ports: [{ containerPort: 8080 }],
  });
}

/**
 * Nothing that gets past the validation of Tandem is refused by Envoy 1.40 as we start it. So this is Envoy with one
 * guard of its runtime set lower than Tandem sets it: expressions of more than 30 instructions are refused.
 */
export function strictEnvoy(home: Home): string {
  const path = join(home.path, "strict-envoy");
  const script = `#!/bin/bash
guard='"re2.max_program_size.error_level":'
${realEnvoy()}
exec "$envoy" "\${@//"\${guard}4294967295"/"\${guard}30"}"
`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

/** Lines of a shell that have `envoy` lead to the real one, in the lab's pods and on the host. */
export function realEnvoy(): string {
  return `envoy=${IN_LAB}\n[ -x "$envoy" ] || envoy=${ENVOY}`;
}
