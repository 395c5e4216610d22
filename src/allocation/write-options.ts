import type { FieldError } from "../objects/field-errors.ts";
import type { Service } from "../objects/types.ts";
import type { Random } from "./ledger.ts";

/** How one write of a Service is to be done. */
export interface WriteOptions {
  /** Checks and answers as a real write would, but leaves the ledger alone (`?dryRun=All`). */
  readonly dryRun?: boolean;
  /** Where automatic addresses and ports start to be searched; Math.random unless a test wants to know. */
  readonly random?: Random;
  /**
   * The checks of metadata that all kinds share; `stored` is the old object on updates. Their errors stand
   * first among the causes of a 422, and like all ordinary validation they are hidden by an error of
   * allocation.
   */
  readonly validateMetadata?: (service: Service, stored?: Service) => readonly FieldError[];
}

/** What a write comes to: the object to store, and texts for Warning headers. */
export interface ServiceWrite {
  /** The object that was given, completed in place; it shares unchanged parts with the stored object. */
  readonly service: Service;
  readonly warnings: readonly string[];
}
