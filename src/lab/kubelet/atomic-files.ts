import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { FileContent } from "./volume-content.ts";

const DATA = "..data";

/**
 * Puts files into a volume's folder so that readers see all of the old or all of the new ones, in the layout of the
 * kubelet's AtomicWriter (pkg/volume/util/atomic_writer.go): the files in a folder of their own, the link `..data` to
 * it, and a link through `..data` for each name at the top.
 */
export function writeFilesAtOnce(folder: string, files: readonly FileContent[]): void {
  const before = linkTarget(join(folder, DATA));
  const fresh = mkdtempSync(`${folder}/..`); // as `..XXXXXX`: hidden, and no key of a config map
  chmodSync(fresh, 0o755);
  for (const { path, content, mode = 0o644 } of files) {
    const file = join(fresh, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    chmodSync(file, mode);
  }
  const name = fresh.slice(fresh.lastIndexOf("/") + 1);
  symlinkSync(name, join(folder, `${DATA}_new`));
  renameSync(join(folder, `${DATA}_new`), join(folder, DATA));
  const wanted = new Set(files.map(({ path }) => path.split("/")[0] as string));
  for (const top of wanted)
    if (linkTarget(join(folder, top)) === undefined) symlinkSync(join(DATA, top), join(folder, top));
  for (const entry of readdirSync(folder)) {
    const stale =
      !entry.startsWith("..") && !wanted.has(entry) && lstatSync(join(folder, entry)).isSymbolicLink();
    if (stale) rmSync(join(folder, entry));
  }
  if (before !== undefined) rmSync(join(folder, before), { recursive: true, force: true });
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
