import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text as readStream } from "node:stream/consumers";
import { UserError } from "../../errors/user-error.ts";
import { EXIT } from "../../errors/exit-codes.ts";
import { type Leniency, parseLeniently, parseManifest } from "./parse.ts";
import type { LocatedObject, ManifestObject } from "./source.ts";

const EXTENSIONS = [".yaml", ".yml", ".json"];

/**
 * Reads the objects of manifests: files, directories (with all that is below them, in the order of their
 * names; files that are not *.yaml, *.yml or *.json are passed over) and `-` for the standard input.
 * @throws UserError for a path that cannot be read, for what is not YAML, and for what is no Kubernetes
 *   object
 */
export async function readManifests(paths: readonly string[]): Promise<ManifestObject[]> {
  return readFiles(paths, parseManifest);
}

/**
 * The same for manifests that are only looked at: objects need no name, and what is no object goes to `leniency`.
 * @throws UserError for a path that cannot be read
 */
export async function readLeniently(paths: readonly string[], leniency: Leniency): Promise<LocatedObject[]> {
  return readFiles(paths, (file, content) => parseLeniently(file, content, leniency));
}

async function readFiles<T>(
  paths: readonly string[],
  parse: (file: string, content: string) => readonly T[],
): Promise<T[]> {
  const objects: T[] = [];
  for (const path of paths) {
    for (const file of path === "-" ? ["-"] : await filesOf(path)) {
      for (const object of parse(file === "-" ? "stdin" : file, await contentOf(file))) objects.push(object);
    }
  }
  return objects;
}

async function filesOf(path: string): Promise<string[]> {
  const info = await readable(path, () => stat(path));
  if (!info.isDirectory()) return [path];
  const files = await filesBelow(path);
  if (files.length > 0) return files;
  throw unreadable(path, `the directory holds no file ending in ${EXTENSIONS.join(", ")}`);
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readable(directory, () => readdir(directory, { withFileTypes: true }));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files: string[] = [];
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(path)));
    else if (EXTENSIONS.some((extension) => entry.name.endsWith(extension))) files.push(path);
  }
  return files;
}

function contentOf(file: string): Promise<string> {
  return file === "-" ? readStream(process.stdin) : readable(file, () => readFile(file, "utf8"));
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw unreadable(path, missing ? "there is no such file or directory" : (error as Error).message, error);
  }
}

function unreadable(path: string, why: string, cause?: unknown): UserError {
  const what = "cannot read the manifest";
  return new UserError({
    what,
    where: path,
    why,
    next: "check the path after -f",
    exitCode: EXIT.badInput,
    cause,
  });
}
