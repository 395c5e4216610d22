import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointSlice, KubeObject, Service } from "../../src/objects/types.ts";
import { buildFrontend, createTrafficModel, feedModel, type ObjectChange } from "../../src/traffic/index.ts";
import { podEndpoint, service, slice } from "./fixtures.ts";

test("each change names the frontends it touches, and the snapshot follows", () => {
  const model = createTrafficModel();
  const web = service();
  const v4 = slice("IPv4", [podEndpoint("10.0.0.1", "a")]);
  assert.deepEqual(model.onSlice({ type: "added", object: v4 }), ["default/web"]);
  assert.equal(model.get("default/web"), undefined);
  assert.deepEqual(model.onService({ type: "added", object: web }), ["default/web"]);
  assert.deepEqual(model.get("default/web"), buildFrontend(web, [v4]));
  assert.deepEqual(model.onSlice({ type: "deleted", object: v4 }), ["default/web"]);
  assert.deepEqual(model.snapshot().frontends.get("default/web"), buildFrontend(web, []));
  assert.deepEqual(model.onService({ type: "deleted", object: web }), ["default/web"]);
  assert.equal(model.snapshot().frontends.size, 0);
});

test("a slice that changes its Service changes both frontends", () => {
  const model = createTrafficModel();
  model.onService({ type: "added", object: service() });
  model.onService({ type: "added", object: service({}, "other") });
  const object = slice("IPv4", [podEndpoint("10.0.0.1", "a")]);
  model.onSlice({ type: "added", object });
  const moved = {
    ...object,
    metadata: { ...object.metadata, labels: { "kubernetes.io/service-name": "other" } },
  };
  assert.deepEqual(model.onSlice({ type: "updated", object: moved }), ["default/web", "default/other"]);
  assert.equal(model.get("default/web")?.backends.length, 0);
  assert.equal(model.get("default/other")?.backends.length, 1);
});

test("an untouched frontend stays the same object", () => {
  const model = createTrafficModel();
  model.onService({ type: "added", object: service() });
  model.onService({ type: "added", object: service({}, "other") });
  const before = model.snapshot().frontends.get("default/other");
  model.onSlice({ type: "added", object: slice("IPv4", []) });
  assert.equal(model.snapshot().frontends.get("default/other"), before);
});

test("namespaces are known by name", () => {
  const model = createTrafficModel();
  const object: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
  model.onNamespace({ type: "added", object });
  assert.deepEqual([...model.snapshot().namespaces], ["shop"]);
  model.onNamespace({ type: "deleted", object });
  assert.equal(model.snapshot().namespaces.size, 0);
});

test("a feed takes what the sources hold and what they report, until it is ended", () => {
  const source = <T>(items: T[]) => {
    const listeners = new Set<(change: ObjectChange<T>) => void>();
    return {
      list: () => items,
      onChange: (listener: (change: ObjectChange<T>) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      emit: (change: ObjectChange<T>) => {
        for (const listener of listeners) listener(change);
      },
    };
  };
  const services = source<Service>([service()]);
  const slices = source<EndpointSlice>([]);
  const model = createTrafficModel();
  const heard: string[] = [];
  model.onChange((keys) => heard.push(...keys));
  const end = feedModel(model, { services, slices });
  slices.emit({ type: "added", object: slice("IPv4", [podEndpoint("10.0.0.1", "a")]) });
  assert.equal(model.get("default/web")?.backends.length, 1);
  end();
  slices.emit({ type: "deleted", object: slice("IPv4", []) });
  assert.equal(model.get("default/web")?.backends.length, 1);
  assert.deepEqual(heard, ["default/web", "default/web"]);
});
