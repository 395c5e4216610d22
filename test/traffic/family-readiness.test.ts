import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, Service } from "../../src/objects/types.ts";
import {
  buildFrontend,
  createTrafficModel,
  FAMILY_READINESS_ANNOTATION,
  type Frontend,
  silentFamiliesOf,
} from "../../src/traffic/index.ts";
import { podEndpoint, service, slice } from "./fixtures.ts";

const V4 = slice("IPv4", [podEndpoint("10.0.0.1", "a"), podEndpoint("10.0.0.2", "b")]);
const V6 = slice("IPv6", [podEndpoint("fd00::1", "a"), podEndpoint("fd00::2", "b")]);

function pod(name: string, status: { IPv4?: string; IPv6?: string }): Pod {
  const conditions = Object.entries(status).map(([family, value]) => ({
    type: `tandem.dev/${family}Ready`,
    status: value,
    message: "listens on 0.0.0.0:8080; bind [::]:8080",
  }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: name },
    spec: { containers: [] },
    status: { conditions },
  };
}

function annotated(value: string): Service {
  const made = service();
  return { ...made, metadata: { ...made.metadata, annotations: { [FAMILY_READINESS_ANNOTATION]: value } } };
}

function modelOf(object: Service, familyReadiness: "enforce" | "report" = "report") {
  const model = createTrafficModel({ familyReadiness });
  model.onService({ type: "added", object });
  for (const each of [V4, V6]) model.onSlice({ type: "added", object: each });
  return model;
}

/** `a4 a6 b4 b6` of what is ready, as the port's backends say; the frontend's own must agree. */
function ready(frontend: Frontend | undefined): string {
  const of = (backends: readonly Frontend["backends"][number][]) =>
    backends
      .flatMap(({ pod: target, conditions }) =>
        (["IPv4", "IPv6"] as const).map((family) =>
          conditions[family]?.ready ? `${target?.name}${family.at(-1)}` : "",
        ),
      )
      .filter((text) => text !== "")
      .join(" ");
  const byPort = of((frontend?.ports[0]?.backends ?? []).map(({ backend }) => backend));
  assert.equal(of(frontend?.backends ?? []), byPort);
  return byPort;
}

const DEAF = pod("a", { IPv4: "True", IPv6: "False" });

test("a pod that is silent over a family is left out of that family only, where the Service asks", () => {
  const model = modelOf(annotated("enforce"));
  assert.equal(ready(model.get("default/web")), "a4 a6 b4 b6");
  assert.deepEqual(model.onPod({ type: "added", object: DEAF }), ["default/web"]);
  assert.equal(ready(model.get("default/web")), "a4 b4 b6");
  assert.deepEqual(model.onPod({ type: "updated", object: pod("a", { IPv6: "True" }) }), ["default/web"]);
  assert.equal(ready(model.get("default/web")), "a4 a6 b4 b6");
});

test("without the annotation the default counts, and the annotation can say no", () => {
  const cases: [Service, "enforce" | "report", string][] = [
    [service(), "report", "a4 a6 b4 b6"],
    [service(), "enforce", "a4 b4 b6"],
    [annotated("report"), "enforce", "a4 a6 b4 b6"],
    [annotated("Enforced"), "enforce", "a4 b4 b6"],
    [annotated("enforce"), "report", "a4 b4 b6"],
    [service({ publishNotReadyAddresses: true }), "enforce", "a4 a6 b4 b6"],
  ];
  for (const [object, mode, expected] of cases) {
    const model = modelOf(object, mode);
    model.onPod({ type: "added", object: DEAF });
    assert.equal(ready(model.get("default/web")), expected);
  }
});

test("a silent pod is not even a last resort", () => {
  const model = modelOf(annotated("enforce"));
  const ending = podEndpoint("fd00::1", "a", {
    conditions: { ready: false, serving: true, terminating: true },
  });
  model.onSlice({ type: "updated", object: slice("IPv6", [ending]) });
  model.onPod({ type: "added", object: DEAF });
  const backend = model.get("default/web")?.backends.find(({ pod: target }) => target?.name === "a");
  assert.deepEqual(backend?.conditions.IPv6, { ready: false, serving: false, terminating: true });
});

test("pods that say nothing new, or that no enforcing Service has, touch nothing", () => {
  const model = modelOf(service());
  model.get("default/web");
  assert.deepEqual(model.onPod({ type: "added", object: DEAF }), []);
  assert.deepEqual(model.get("default/web"), buildFrontend(service(), [V4, V6]));
  const enforcing = modelOf(annotated("enforce"));
  enforcing.get("default/web");
  assert.deepEqual(enforcing.onPod({ type: "added", object: pod("a", { IPv4: "True" }) }), []);
  assert.deepEqual(enforcing.onPod({ type: "added", object: pod("c", { IPv6: "False" }) }), []);
});

test("a pod's verdict goes with the pod, and comes into Services that begin to ask later", () => {
  const model = modelOf(service());
  model.onPod({ type: "added", object: DEAF });
  model.onService({ type: "updated", object: annotated("enforce") });
  assert.equal(ready(model.get("default/web")), "a4 b4 b6");
  assert.deepEqual(model.onPod({ type: "deleted", object: DEAF }), ["default/web"]);
  assert.equal(ready(model.get("default/web")), "a4 a6 b4 b6");
  model.onService({ type: "updated", object: service() });
  model.get("default/web");
  assert.deepEqual(model.onPod({ type: "added", object: DEAF }), []);
});

test("unknown is not silent", () => {
  assert.equal(silentFamiliesOf(pod("a", { IPv4: "Unknown" })), undefined);
  assert.equal(silentFamiliesOf(pod("a", {})), undefined);
});

test("when endpoints last changed is known per family, from the slices", () => {
  const at = (time: string) => ({
    metadata: {
      ...V4.metadata,
      annotations: { "endpoints.kubernetes.io/last-change-trigger-time": time },
    },
  });
  const slices = [
    { ...V4, ...at("2026-01-01T00:00:01Z") },
    { ...V4, ...at("2026-01-01T00:00:03.5Z") },
    { ...V6, ...at("2026-01-01T00:00:02Z") },
    { ...V6, ...at("yesterday") },
  ];
  assert.deepEqual(buildFrontend(service(), slices).endpointsChangedAt, {
    IPv4: Date.parse("2026-01-01T00:00:03.5Z"),
    IPv6: Date.parse("2026-01-01T00:00:02Z"),
  });
  assert.equal(buildFrontend(service(), [V4]).endpointsChangedAt, undefined);
});
