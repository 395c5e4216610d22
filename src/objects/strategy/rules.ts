import type { FieldError } from "../field-errors.ts";
import type { NameRule } from "../metadata/names.ts";

/**
 * What a kind adds to the common order of work of a write (the strategies under pkg/registry). All functions are
 * optional and synchronous; `default` and `prepare…` change the first object, all others change nothing.
 */
export interface KindRules<T> {
  readonly nameRule: NameRule;
  /** A PUT or an apply to a name that does not exist creates the object. */
  readonly createOnUpdate: boolean;
  /** An update without a resourceVersion is taken. */
  readonly unconditionalUpdate: boolean;
  /** An update checks all of the metadata again with the kind's own name rule. */
  readonly checksMetadataOnUpdate?: boolean;
  readonly default?: (object: T) => void;
  readonly prepareForCreate?: (object: T) => void;
  readonly prepareForUpdate?: (next: T, stored: T) => void;
  /** What a write of `/status` may not touch is taken from the stored object. */
  readonly prepareForStatus?: (next: T, stored: T) => void;
  /** The same for other subresources that show the whole object, such as `/ephemeralcontainers`. */
  readonly prepareForPart?: (next: T, stored: T) => void;
  readonly validate?: (object: T) => FieldError[];
  readonly validateUpdate?: (next: T, stored: T) => FieldError[];
  readonly validateStatus?: (next: T, stored: T) => FieldError[];
  readonly validatePart?: (next: T, stored: T) => FieldError[];
  /** Warnings for the client about an object that is taken; `stored` is what it replaces. */
  readonly warnings?: (object: T, stored?: T) => string[];
}
