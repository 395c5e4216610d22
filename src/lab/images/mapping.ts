import { basename, join } from "node:path";

/** An image that is a program of the host: `echo-basic` or `gcr.io/x/echo-basic:v1` by name, an absolute path by program. */
export interface ImageMapping {
  readonly image: string;
  readonly program: string;
}

/** Where the programs of mapped images are in the lab and its pods, read-only; nothing else of their folders is. */
export const LAB_IMAGES = "/run/tandem/images";

/** The place of a mapped image's program in the lab, by its index among the mappings. */
export function placeOfProgram({ program }: ImageMapping, index: number): string {
  return join(LAB_IMAGES, String(index), basename(program));
}

/**
 * The index of the mapping that is meant by an image. A mapping's name is the last parts of the image's repository, with
 * its tag or digest or without; the one that says most wins, the later of equals. Undefined when there is none.
 */
export function findMapping(image: string, mappings: readonly ImageMapping[]): number | undefined {
  let best: number | undefined;
  for (const [index, mapping] of mappings.entries()) {
    if (!means(mapping.image, image)) continue;
    if (best === undefined || mapping.image.length >= (mappings[best]?.image.length ?? 0)) best = index;
  }
  return best;
}

function means(name: string, image: string): boolean {
  const wanted = divide(name);
  const given = divide(image);
  if (wanted.version !== "" && wanted.version !== given.version) return false;
  return given.repository === wanted.repository || given.repository.endsWith(`/${wanted.repository}`);
}

/** `registry:5000/a/b:v1` → `registry:5000/a/b` and `:v1`; a digest is a version, too. */
function divide(image: string): { repository: string; version: string } {
  const at = image.indexOf("@");
  const colon = image.indexOf(":", image.lastIndexOf("/") + 1);
  const end = at >= 0 ? at : colon;
  if (end < 0) return { repository: image, version: "" };
  return { repository: image.slice(0, end).replace(/:[^/]*$/, ""), version: image.slice(end) };
}
