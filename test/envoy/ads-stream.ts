import { DELTA } from "../../src/envoy/ads/delta.ts";
import type { DeltaRequest } from "../../src/envoy/ads/messages.ts";
import { plan } from "../../src/envoy/ads/plan.ts";
import { createTable } from "../../src/envoy/ads/table.ts";
import { createView, noteChange } from "../../src/envoy/ads/view.ts";
import type { Resource, ResourceChange, ResourceKind } from "../../src/envoy/resources.ts";
import { request } from "./ads-fake-client.ts";

/** A resource of one byte. */
export function make(
  kind: ResourceKind,
  name: string,
  version: string,
  rest: Partial<Resource> = {},
): Resource {
  return { kind, name, version, bytes: new Uint8Array([1]), ...rest };
}

/** A table with these resources, and a stream on it whose messages are written as `route r@2 -old`. */
export function createStream(resources: readonly Resource[]) {
  const table = createTable();
  table.replace(resources);
  const view = createView(table, 0);
  let now = 0;
  const nonces: string[] = [];
  const sent = () =>
    plan(view, now).batches.map((batch) => {
      const { kind, nonce, resources: added, removed } = DELTA.respond(view, batch);
      nonces.push(nonce);
      const parts = [
        ...added.map(({ name, version }) => `${name}@${version}`),
        ...removed.map((name) => `-${name}`),
      ];
      return [kind, ...parts].join(" ");
    });
  return {
    table,
    view,
    nonces,
    sent,
    wait: (ms: number) => {
      now += ms;
      return sent();
    },
    receive: (kind: ResourceKind, parts: Partial<DeltaRequest> = {}) => {
      DELTA.receive(view, request(kind, parts), now);
      return sent();
    },
    /** Acknowledges the last response. */
    accept: (kind: ResourceKind) => {
      DELTA.receive(view, request(kind, { nonce: nonces.at(-1) ?? "" }), now);
      return sent();
    },
    set: (...changes: readonly (Resource | ResourceChange)[]) => {
      const all = changes.map((one) =>
        "bytes" in one ? { kind: one.kind, name: one.name, resource: one } : one,
      );
      for (const { kind, name } of table.apply(all)) noteChange(view, kind, name, now);
      return sent();
    },
  };
}
