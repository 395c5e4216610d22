import type { Service } from "../../objects/types.ts";

/** A Service that is no more, while what was made for it is. */
export interface GoneService {
  /** As it was last seen. */
  readonly service: Service;
  /** Milliseconds since 1970: when what was made for it is to go. */
  readonly dueAt: number;
}

/**
 * Services that something was made for, so that one that goes without being released is noticed: its finalizer was taken
 * away by hand, or it was deleted past the API.
 */
export class GoneServices {
  readonly #graceMs: number;
  /** By `namespace/name`. */
  readonly #owned = new Map<string, Service>();
  readonly #gone = new Map<string, GoneService[]>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** To be called for a Service, as it is now, that something was or is to be made for. */
  own(key: string, service: Service): void {
    this.#owned.set(key, service);
  }

  owns(key: string, { metadata }: Service): boolean {
    return this.#owned.get(key)?.metadata.uid === metadata.uid;
  }

  /** To be called once nothing is left of what was made. */
  disown(key: string): void {
    this.#owned.delete(key);
  }

  /** Whether what was made for an earlier Service of a key is there, and is to stay for now. */
  keeps(key: string, current: Service | undefined): boolean {
    const owned = this.#owned.get(key);
    const unnoticed = owned !== undefined && owned.metadata.uid !== current?.metadata.uid;
    return unnoticed || this.of(key).length > 0;
  }

  /** Compares with what there is now under a key; gives the Service that went since the last time, if one did. */
  notice(key: string, current: Service | undefined, now: number): GoneService | undefined {
    const service = this.#owned.get(key);
    if (service === undefined || service.metadata.uid === current?.metadata.uid) return undefined;
    this.#owned.delete(key);
    const gone = { service, dueAt: now + this.#graceMs };
    this.#gone.set(key, [...(this.#gone.get(key) ?? []), gone]);
    return gone;
  }

  /** Those of a key that went, and whose things are still there. */
  of(key: string): readonly GoneService[] {
    return this.#gone.get(key) ?? [];
  }

  /** To be called once nothing is left of a Service that went, or it stays for good. */
  settled(key: string, gone: GoneService): void {
    const left = this.of(key).filter((one) => one !== gone);
    if (left.length > 0) this.#gone.set(key, left);
    else this.#gone.delete(key);
  }
}
