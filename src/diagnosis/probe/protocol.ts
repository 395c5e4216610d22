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

/** How many attempts run at once. */
export const PROBE_CONCURRENCY = 128;
