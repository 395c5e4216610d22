/** What the probe program is asked and answers: one JSON object a line on its standard input and output. */
import type { Family } from "../../ip/family.ts";

/** One thing to try from inside a pod. `id` comes back with the answer. */
export type ProbeRequest =
  | {
      readonly id: string;
      readonly kind: "dns";
      readonly name: string;
      readonly type: "A" | "AAAA" | "CNAME";
      /** The addresses (canonical text, any order) or the name that the answer must hold; empty: no data. */
      readonly expected: readonly string[];
      /** No answer at all is right: the name must not exist. */
      readonly absent?: boolean;
    }
  | {
      readonly id: string;
      readonly kind: "tcp" | "udp";
      readonly family: Family;
      readonly address: string;
      readonly port: number;
      /**
       * TCP behind a load balancer: the version of the PROXY header that it sends, 0 for none. Then the probe looks
       * whether the port expects just that; without it, a connection is enough.
       */
      readonly proxyHeader?: 0 | 1 | 2;
    };

/** What came of it; `reason` says why not, in few words that fit a table's cell. */
export interface ProbeResult {
  readonly id: string;
  readonly ok: boolean;
  readonly reason?: string;
  readonly milliseconds: number;
}

/** How long one attempt may take before it counts as no answer. */
export const PROBE_TIMEOUT_MS = 1500;

/** The reason of an attempt that nothing came back from. */
export const NO_ANSWER = "no answer";

/** What UDP ports other than 53 are sent: agnhost answers it with a name, and echo servers with itself. */
export const UDP_LINE = "hostname";

/** How long a port may take to react to a PROXY header before it counts as silent, which is no fault. */
export const PROXY_PATIENCE_MS = 500;

/** The reason of a port that closes on the PROXY header that it is sent, and answers without one; and of the reverse. */
export const REFUSES_HEADER = "refuses PROXY header";
/** The reason of a port that answers only after a PROXY header. */
export const WANTS_HEADER = "wants PROXY header";

/** How many attempts run at once. */
export const PROBE_CONCURRENCY = 128;
