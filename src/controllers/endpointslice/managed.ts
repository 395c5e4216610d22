import type { ObjectChange } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { EndpointSlice } from "../../objects/types.ts";
import { isNamespaceTerminating } from "../runtime/terminating.ts";
import type { Writer } from "../runtime/writer.ts";
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from "./labels.ts";
import type { SliceChanges } from "./pack.ts";

/** Writes changes of slices: first what is new, last what goes, so that no endpoint is missing in between. */
export async function writeSlices(writer: Writer, changes: SliceChanges): Promise<void> {
  try {
    await Promise.all(
      changes.create.map((slice) => writer.create<EndpointSlice>(KINDS.EndpointSlice, slice)),
    );
  } catch (error) {
    // Creating goes on failing while the namespace goes; there is nothing to retry.
    if (!isNamespaceTerminating(error)) throw error;
    return;
  }
  await Promise.all(changes.update.map((slice) => writer.update(KINDS.EndpointSlice, slice)));
  await Promise.all(changes.delete.map((slice) => writer.delete(KINDS.EndpointSlice, slice)));
}

/** The slices that one controller manages, by the key of their Service, `namespace/name`. */
export class ManagedSlices {
  readonly #manager: string;
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();

  /** @param manager the value of the label endpointslice.kubernetes.io/managed-by */
  constructor(manager: string) {
    this.#manager = manager;
  }

  /** The slices of a Service, without those being deleted. */
  of(key: string): EndpointSlice[] {
    const slices = this.#slices.get(key);
    if (slices === undefined) return [];
    return [...slices.values()].filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** Takes in a change of a slice; returns the keys of the Services that it concerns. */
  take({ type, object, previous }: ObjectChange<EndpointSlice>): string[] {
    const keys = [object, ...(previous === undefined ? [] : [previous])].flatMap(
      (slice) => this.#keyOf(slice) ?? [],
    );
    if (previous !== undefined) this.#remove(previous);
    if (type === "deleted") this.#remove(object);
    else this.#add(object);
    return keys;
  }

  #add(slice: EndpointSlice): void {
    const key = this.#keyOf(slice);
    if (key === undefined) return;
    const slices = this.#slices.get(key) ?? new Map<string, EndpointSlice>();
    this.#slices.set(key, slices.set(slice.metadata.name, slice));
  }

  #remove(slice: EndpointSlice): void {
    const key = this.#keyOf(slice);
    const slices = key === undefined ? undefined : this.#slices.get(key);
    slices?.delete(slice.metadata.name);
    if (key !== undefined && slices?.size === 0) this.#slices.delete(key);
  }

  #keyOf({ metadata }: EndpointSlice): string | undefined {
    const name = metadata.labels?.[SERVICE_NAME_LABEL];
    return name && metadata.labels?.[MANAGED_BY_LABEL] === this.#manager
      ? `${metadata.namespace}/${name}`
      : undefined;
  }
}
