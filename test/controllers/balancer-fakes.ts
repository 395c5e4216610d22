/** Fakes of what the balancer controller works with, and a way to run it with them. */
import { KINDS } from "../../src/objects/kinds.ts";
import type { Service } from "../../src/objects/types.ts";
import {
  type BalancerCluster,
  type BalancerControllerOptions,
  startBalancerController,
} from "../../src/controllers/balancer/index.ts";
import type { BalancerModel, TranslatedBalancer } from "../../src/traffic/balancer/model.ts";
import type {
  BalancerContext,
  BalancerOutcome,
  BalancerProvider,
  Orphan,
} from "../../src/traffic/balancer/provider.ts";
import type { TestCluster } from "./cluster.ts";

const CLASS = "test.example/balancer";
/** What the fake provider gives a Service: an address of each family. */
export const INGRESS = [
  { ip: "192.0.2.1", ipMode: "Proxy" as const },
  { ip: "2001:db8::1", ipMode: "Proxy" as const },
];

/** A fake: remembers what it was asked, answers what the test says. */
export class FakeProvider implements BalancerProvider {
  readonly name = "local";
  readonly served: string[] = [];
  readonly released: string[] = [];
  readonly releasedUids: string[] = [];
  found: Orphan[] = [];
  answer: (key: string, context: BalancerContext) => Partial<BalancerOutcome> = () => ({});
  releaseAnswer: Partial<BalancerOutcome> = {};

  async serve(model: BalancerModel, context: BalancerContext): Promise<BalancerOutcome> {
    this.served.push(model.key);
    return {
      ingress: INGRESS,
      events: [],
      againAfterMs: undefined,
      done: true,
      ...this.answer(model.key, context),
    };
  }

  async release({ key, uid }: { key: string; uid: string }): Promise<BalancerOutcome> {
    this.released.push(key);
    this.releasedUids.push(uid);
    return { ingress: [], events: [], againAfterMs: undefined, done: true, ...this.releaseAnswer };
  }

  async plan() {
    return [];
  }

  async orphans(live: ReadonlyMap<string, string>): Promise<Orphan[]> {
    return this.found.filter(({ service }) => !live.has(service));
  }

  async deleteOrphans(orphans: readonly Orphan[]) {
    this.found = this.found.filter((orphan) => !orphans.includes(orphan));
    return orphans.map((orphan) => ({ orphan, error: undefined }));
  }
}

/** A fake of the translation: ours by class; the annotation `test/bad` is an error. */
export function translate(service: Service, { nodes }: BalancerCluster): TranslatedBalancer {
  const { name, namespace = "", annotations = {}, uid = "" } = service.metadata;
  const owned = service.spec.loadBalancerClass === CLASS && annotations["test/foreign"] === undefined;
  if (!owned) return { ownership: { owned: false, reason: "another class" }, model: undefined, findings: [] };
  if (annotations["test/bad"] !== undefined) {
    const field = "metadata.annotations[test/bad]";
    const finding = { level: "error" as const, field, message: "unknown scheme: x", next: "use internal" };
    return { ownership: { owned: true, by: "class" }, model: undefined, findings: [finding] };
  }
  const model = { key: `${namespace}/${name}`, uid, ports: service.spec.ports, nodes: nodes.length };
  return { ownership: { owned: true, by: "class" }, model: model as never, findings: [] };
}

/** Starts the controller; the result stops it, and resolves when it has stopped. */
export async function startController(options: BalancerControllerOptions): Promise<() => Promise<void>> {
  const abort = new AbortController();
  const { stopped } = await startBalancerController(options, abort.signal);
  return async () => {
    abort.abort();
    await stopped;
  };
}

/** A Service that is the fake translation's own. */
export function createService(
  { client }: TestCluster,
  name: string,
  annotations: Record<string, string> = {},
): Promise<Service> {
  return client.create<Service>(KINDS.Service, {
    metadata: { name, namespace: "default", annotations },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: CLASS,
      ports: [{ port: 80 }],
      selector: { app: name },
    },
  });
}
