/** What a peer takes before it gives more credit, until its settings say otherwise (SPDY/3.1, section 2.6.8). */
export const INITIAL_WINDOW = 64 * 1024;

/**
 * How much may be sent on a stream or on the connection (stream 0). The Go library that Kubernetes' clients are built
 * on (moby/spdystream) neither obeys windows nor ever gives credit, so a window binds only once the peer has shown, by
 * a setting or by credit, that it keeps one; until then the transport alone slows the sender down.
 */
export class SendWindow {
  #left: number;
  #binding: boolean;

  constructor(initial: number, binding: boolean) {
    this.#left = initial;
    this.#binding = binding;
  }

  /** Bytes that may be sent now, at most `wanted`. */
  allowed(wanted: number): number {
    return this.#binding ? Math.max(0, Math.min(wanted, this.#left)) : wanted;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
  }

  /** More credit, or less where a changed setting takes some back. */
  credit(delta: number): void {
    this.#left += delta;
  }

  bind(): void {
    this.#binding = true;
  }
}

/** Credit that is owed to the peer, given back in portions of half a window. */
export class ReceiveCredit {
  #owed = 0;

  /** Notes consumed bytes; the portion to give back now, or 0. */
  consume(bytes: number): number {
    this.#owed += bytes;
    if (this.#owed < INITIAL_WINDOW / 2) return 0;
    const portion = this.#owed;
    this.#owed = 0;
    return portion;
  }
}
