import assert from "node:assert/strict";
import { test } from "node:test";
import { withLive } from "../../src/cli/balancer/plan.ts";
import type { Service } from "../../src/objects/types.ts";

const service = (metadata: object, spec: object): Service =>
  ({ metadata: { name: "web", ...metadata }, spec }) as Service;

test("a plan of a manifest knows what the running balancer remembers, and nothing else that is not in it", () => {
  const memory = { "tandem.dev/replaced-load-balancers": "[]" };
  const live = service(
    { uid: "1", annotations: { ...memory, removed: "x", changed: "old" } },
    { ports: [{ port: 80, protocol: "TCP", nodePort: 30080 }] },
  );
  const planned = withLive(service({ annotations: { changed: "new" } }, { ports: [{ port: 80 }] }), live);
  assert.deepEqual(planned.metadata.annotations, { ...memory, changed: "new" });
  assert.equal(planned.metadata.uid, "1");
  assert.equal(planned.spec.ports?.[0]?.nodePort, 30080);
});
