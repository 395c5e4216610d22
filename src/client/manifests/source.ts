import type { AnyObject } from "../../objects/types.ts";

/** One object of a manifest and where it stands. */
export interface ManifestObject {
  readonly object: AnyObject;
  /** The path as it was given or found; `stdin` for `-`. */
  readonly file: string;
  /** The line on which the object begins, from 1. */
  readonly line: number;
  /** The number of the YAML document in the file, from 1. */
  readonly document: number;
}

/** An object that was read leniently: it may have no name, and the lines of its fields are known. */
export interface LocatedObject extends ManifestObject {
  /**
   * The line of a field, or of the nearest one above it that is written; `textLine` is the line in a block of text,
   * from 0. Undefined where lines are not known (large JSON).
   */
  readonly lineAt: (path: readonly (string | number)[], textLine?: number) => number | undefined;
}

/** `examples/a.yaml:12 (Service default/web)`: how errors name an object of a manifest. */
export function placeOf(manifest: ManifestObject): string {
  const { kind, metadata } = manifest.object;
  const name = metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name;
  return `${manifest.file}:${manifest.line} (${kind} ${name})`;
}
