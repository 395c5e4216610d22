import assert from "node:assert/strict";
import { test } from "node:test";
import { servicesOfChange } from "../../src/controllers/endpointslice/selection.ts";
import type { Informer } from "../../src/client/index.ts";
import type { Pod, Service } from "../../src/objects/types.ts";

const SERVICE: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "default" },
  spec: { selector: { app: "web" } },
};
/** A fake of the informer: a cache with one Service. */
const services = { list: () => [SERVICE] } as unknown as Informer<Service>;

function pod(labels: Record<string, string>, ip?: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "default", labels },
    spec: { containers: [] },
    ...(ip === undefined ? {} : { status: { podIPs: [{ ip }] } }),
  };
}

const WEB = pod({ app: "web" }, "10.244.0.2");

test("a deleted pod concerns its Services, though nothing of it changed", () => {
  assert.deepEqual(servicesOfChange(services, { type: "deleted", object: WEB, previous: WEB }), [
    "default/web",
  ]);
});

test("an update concerns them only where endpoints show it", () => {
  const change = (object: Pod) => servicesOfChange(services, { type: "updated", object, previous: WEB });
  assert.deepEqual(change(structuredClone(WEB)), []);
  assert.deepEqual(change(pod({ app: "web" }, "10.244.0.3")), ["default/web"]);
  assert.deepEqual(change(pod({ app: "other" }, "10.244.0.2")), ["default/web"]);
});

test("a new pod of other labels concerns nobody", () => {
  assert.deepEqual(servicesOfChange(services, { type: "added", object: pod({ app: "other" }) }), []);
});
