/** Why a header is refused, and how often that happened. */

/** Every reason for which a connection or datagram is refused; the names of its counters. */
export const REFUSALS = [
  /** The peer is not one of the trusted senders. Nothing that it sent was read. */
  "untrusted-sender",
  /** What came is no header, or not of a version that is accepted here. */
  "no-header",
  "wrong-version",
  /** The peer closed, or the time was up, before the header was whole. */
  "incomplete",
  "timeout",
  /** Version 1: the line is not of the form that the specification gives. */
  "bad-line",
  /** Version 2: unknown version, command, family or transport. */
  "bad-version",
  "bad-command",
  "bad-family",
  /** A stream announced as datagrams, or the reverse. */
  "wrong-transport",
  /** Longer than is accepted; or too short for its own addresses. */
  "too-long",
  "too-short",
  "bad-address",
  "bad-port",
  "bad-tlv",
  "bad-checksum",
  /** Relayed without addresses, or from a UNIX socket, where the receiver wants addresses. */
  "no-addresses",
] as const;

/** Why a header is refused: one of {@link REFUSALS}. */
export type RefusalReason = (typeof REFUSALS)[number];

/** A refusal: the reason counts, the detail is for the log. */
export interface Refusal {
  readonly state: "refused";
  readonly reason: RefusalReason;
  readonly detail: string;
}

/** Makes a refusal. */
export function refuse(reason: RefusalReason, detail: string): Refusal {
  return { state: "refused", reason, detail };
}

/** Thrown by the edge when a header is refused. */
export class ProxyHeaderRefused extends Error {
  readonly reason: RefusalReason;

  constructor({ reason, detail }: Omit<Refusal, "state">) {
    super(`PROXY header refused (${reason}): ${detail}`);
    this.name = "ProxyHeaderRefused";
    this.reason = reason;
  }
}

/** Counts of what a receiver accepted and refused since it began. */
export interface ProxyCounters {
  accepted(): void;
  refused(reason: RefusalReason): void;
  values(): { readonly accepted: number; readonly refused: Readonly<Record<RefusalReason, number>> };
}

/** Counters that start at zero; every reason has one. */
export function createProxyCounters(): ProxyCounters {
  let accepted = 0;
  const refused = Object.fromEntries(REFUSALS.map((reason) => [reason, 0])) as Record<RefusalReason, number>;
  return {
    accepted: () => {
      accepted++;
    },
    refused: (reason) => {
      refused[reason]++;
    },
    values: () => ({ accepted, refused: { ...refused } }),
  };
}
