import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { findDamage } from "./pages.ts";

/** The database file inside a store's directory; LMDB keeps a lock file beside it. */
export const DATA_FILE = "data.mdb";
const FORMAT_FILE = "format.json";
/** The version of the layout that this program writes and reads. */
const FORMAT = 1;

// LMDB's meta pages (mdb.c, struct MDB_meta after a page header of 24 bytes), little endian
const META = { magic: 24, version: 28, pageSize: 48, lastPage: 144, transaction: 152, end: 160 };
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;

/**
 * Judges a store's directory before anything opens it for writing.
 * @returns whether it is new (holds no store yet)
 * @throws UserError when it is damaged or of a newer format
 */
export function checkDirectory(directory: string, dictionary: Buffer): boolean {
  const hasFormat = existsSync(join(directory, FORMAT_FILE));
  const hasData = existsSync(join(directory, DATA_FILE));
  if (hasFormat) checkFormat(directory, dictionary);
  // a start that was killed before its first commit leaves a database without a format: it holds nothing
  if (!hasFormat) {
    if (hasData && dataFileSize(directory) > 0) checkDataFile(directory);
    return true;
  }
  if (!hasData) throw damaged(directory, `${DATA_FILE} is missing`);
  checkDataFile(directory);
  return false;
}

/** Writes down the format of a new store, once its database exists. */
export function markFormat(directory: string, dictionary: Buffer): void {
  const path = join(directory, FORMAT_FILE);
  const file = openSync(`${path}.new`, "w", 0o600);
  writeSync(file, `${JSON.stringify({ format: FORMAT, engine: "lmdb", dictionary: crc32(dictionary) })}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
}

/** The error of a directory that cannot be trusted. */
export function damaged(directory: string, why: string, cause?: unknown): UserError {
  return new UserError({
    what: "cannot open the store",
    where: directory,
    why: `it is damaged: ${why}`,
    next: "restore the directory from a backup, or start with another --data-dir; nothing in it was changed",
    exitCode: EXIT.badInput,
    cause,
  });
}

function checkFormat(directory: string, expected: Buffer): void {
  const { format, dictionary } = readFormat(directory);
  const isKnown = format === FORMAT && dictionary === crc32(expected);
  if (isKnown) return;
  const other =
    format === FORMAT ? "its values are compressed with a dictionary that" : `it has format ${format}, which`;
  throw new UserError({
    what: "cannot open the store",
    where: directory,
    why: `${other} this version of tandem does not know (its own is format ${FORMAT})`,
    next: "use the version of tandem that wrote it, or another --data-dir; nothing in it was changed",
    exitCode: EXIT.badInput,
  });
}

function readFormat(directory: string): { format: number; dictionary: unknown } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(join(directory, FORMAT_FILE), "utf8"));
  } catch (cause) {
    throw damaged(directory, `${FORMAT_FILE} is not readable: ${(cause as Error).message}`, cause);
  }
  const { format, dictionary } = (parsed ?? {}) as { format?: unknown; dictionary?: unknown };
  if (typeof format !== "number") throw damaged(directory, `${FORMAT_FILE} names no format`);
  return { format, dictionary };
}

function dataFileSize(directory: string): number {
  return withDataFile(directory, (file) => fstatSync(file).size);
}

/** LMDB maps the file and trusts it; a truncated or foreign one would end the process, so look first. */
function checkDataFile(directory: string): void {
  withDataFile(directory, (file) => {
    const size = fstatSync(file).size;
    const first = readMeta(file, 0);
    const pageSize = first?.pageSize ?? 4096;
    const second = readMeta(file, pageSize);
    const metas = [first, second].filter((meta) => meta !== undefined);
    if (metas.length < 2) throw damaged(directory, `${DATA_FILE} has no valid header`);
    const newest = metas.reduce((a, b) => (b.transaction > a.transaction ? b : a));
    const needed = (newest.lastPage + 1n) * BigInt(newest.pageSize);
    if (newest.transaction === 0n) return;
    if (needed > BigInt(size)) {
      throw damaged(directory, `${DATA_FILE} is cut off: ${size} bytes of ${needed}`);
    }
    const facts = { file, pageSize: newest.pageSize, lastPage: Number(newest.lastPage), meta: newest.bytes };
    const damage = findDamage(facts);
    if (damage !== undefined) throw damaged(directory, `${DATA_FILE}: ${damage}`);
  });
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
  readonly bytes: Buffer;
}

function readMeta(file: number, offset: number): Meta | undefined {
  const bytes = Buffer.alloc(META.end);
  if (readSync(file, bytes, 0, META.end, offset) < META.end) return undefined;
  const pageSize = bytes.readUInt32LE(META.pageSize);
  if (bytes.readUInt32LE(META.magic) !== MAGIC || bytes.readUInt32LE(META.version) !== DATA_VERSION)
    return undefined;
  if (pageSize < 512 || pageSize > 65536) return undefined;
  return {
    pageSize,
    lastPage: bytes.readBigUInt64LE(META.lastPage),
    transaction: bytes.readBigUInt64LE(META.transaction),
    bytes,
  };
}

function withDataFile<T>(directory: string, work: (file: number) => T): T {
  const file = openSync(join(directory, DATA_FILE), "r");
  try {
    return work(file);
  } finally {
    closeSync(file);
  }
}
