import type { Family, PerFamily } from "../../ip/family.ts";

/** The ways by which a client reaches a Service, in the order of the columns. */
export const PATHS = ["DNS", "ClusterIP", "NodePort", "Pod"] as const;
/** A way by which a Service is reached. */
export type Path = (typeof PATHS)[number];

/** A kind of client pod: the families that it has. */
export interface ClientKind {
  readonly name: string;
  readonly families: readonly Family[];
  /** Where its pod runs, as far as that is known. */
  readonly node?: string;
}

/** The kinds of client pods of a cluster: dual-stack first, then one of each single family. */
export function clientKindsOf(families: readonly Family[]): ClientKind[] {
  const single = families.map((family) => ({ name: family.toLowerCase(), families: [family] }));
  return families.length === 2 ? [{ name: "dual", families }, ...single] : single;
}

/** One cell: works, does not (with a short reason), or there is nothing to try (with why). */
export type Cell =
  | { readonly state: "ok"; readonly checks: number }
  | {
      readonly state: "failed";
      readonly reason: string;
      readonly failures: readonly Failure[];
      readonly hint?: string;
    }
  | { readonly state: "none"; readonly reason: string };

/** One attempt that failed: from which kind of client, to what, and why. */
export interface Failure {
  readonly client: string;
  readonly target: string;
  readonly reason: string;
  /** What is known of the backend behind it, and what would mend that. */
  readonly hint?: string;
}

/** One Service: a cell per path and family. */
export interface Row {
  readonly namespace: string;
  readonly name: string;
  readonly families: readonly Family[];
  readonly cells: Readonly<Record<Path, PerFamily<Cell>>>;
}

/** The whole: what `tandem matrix` prints, and `-o json` gives as it is. */
export interface Matrix {
  readonly families: readonly Family[];
  readonly clients: readonly string[];
  readonly rows: readonly Row[];
  /** Whether everything that should work does. */
  readonly ok: boolean;
}
