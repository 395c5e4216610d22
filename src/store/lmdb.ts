import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Database, open } from "lmdb";
import { UserError } from "../errors/user-error.ts";
import type { Entry, Store } from "./contract.ts";
import { checkDirectory, DATA_FILE, damaged, markFormat } from "./directory.ts";
import { Engine, type Journal } from "./engine.ts";
import { DEFAULT_HISTORY } from "./limits.ts";
import { LoadedTexts } from "./loaded-texts.ts";
import { type DirectoryLock, lockDirectory } from "./lock.ts";
import { OrderedMap } from "./ordered-map.ts";
import type { Write } from "./overlay.ts";

/** Holds the store's revision; no key of the store starts with U+0001. */
const REVISION_KEY = "\u0001revision";
/**
 * Bytes before a value's text: a 1 (LMDB's binding keeps values that start with 250 and more for itself), the CRC-32 of
 * key, revision and text (4), and the revision (double, 8).
 */
const HEADER = 13;
const MARK = 1;
const CHECKSUM_AT = 1;
const REVISION_AT = 5;
/** Address space reserved for the file, not memory: 8 GiB. */
const MAP_SIZE = 8 * 1024 ** 3;

/** How a durable store is opened. */
export interface LmdbOptions {
  /** How many changes of history are kept; some 20,000 when left out. */
  readonly history?: number;
  /**
   * Text that resembles the values: they are compressed against it, to a sixth of their size. A store stays with the
   * dictionary that it was made with.
   */
  readonly dictionary?: Buffer;
}

/**
 * Opens (or creates) a durable store in a directory of its own. Values are texts. A transaction is durable, flushed to
 * the disk, before its promise resolves; transactions that come while a flush is under way share the next one.
 * @throws UserError when the directory is damaged, of a newer format, in use or not writable; nothing in it is changed
 */
export async function openLmdbStore(directory: string, options: LmdbOptions = {}): Promise<Store<string>> {
  createDirectory(directory);
  const lock = await lockDirectory(directory);
  try {
    const dictionary = options.dictionary ?? Buffer.alloc(0);
    const isNew = checkDirectory(directory, dictionary);
    const database = openDatabase(directory, dictionary);
    if (isNew) markFormat(directory, dictionary);
    const { entries, revision } = await loadOrClose(database, directory);
    const history = {
      ...DEFAULT_HISTORY,
      ...(options.history === undefined ? {} : { changes: options.history }),
    };
    return new Engine<string>({ entries, revision, journal: journalOf(database, lock), history });
  } catch (error) {
    lock.release();
    throw error;
  }
}

function createDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new UserError({
      what: "cannot open the store",
      where: directory,
      why: `the directory cannot be created: ${(cause as Error).message}`,
      next: "choose another --data-dir, or make its parent writable",
      cause,
    });
  }
}

/** Shorter values are not worth compressing. */
const COMPRESSED_FROM = 200;

/** Values read are LMDB's own bytes until the next one is read: none is copied just to be looked at. */
const PEEKING = {
  encode: (bytes: Buffer): Buffer => bytes,
  decode: (bytes: Buffer, size: number): Buffer => bytes.subarray(0, size),
};

function openDatabase(directory: string, dictionary: Buffer): Database<Buffer, string> {
  try {
    return open<Buffer, string>({
      path: join(directory, DATA_FILE),
      noSubdir: true,
      encoding: "binary",
      encoder: PEEKING,
      // resolve a write only when it is flushed
      overlappingSync: false,
      // batches are made here; LMDB's own would leave promises that nobody can wait for when a write fails
      eventTurnBatching: false,
      mapSize: MAP_SIZE,
      ...(dictionary.length > 0 ? { compression: { threshold: COMPRESSED_FROM, dictionary } } : {}),
    });
  } catch (cause) {
    throw damaged(directory, `the database does not open: ${(cause as Error).message}`, cause);
  }
}

interface Loaded {
  readonly entries: OrderedMap<Entry<string>>;
  readonly revision: number;
}

async function loadOrClose(database: Database<Buffer, string>, directory: string): Promise<Loaded> {
  try {
    return load(database, directory);
  } catch (error) {
    await database.close();
    throw error instanceof UserError ? error : damaged(directory, (error as Error).message, error);
  }
}

function load(database: Database<Buffer, string>, directory: string): Loaded {
  const keys: string[] = [];
  const entries: Entry<string>[] = [];
  const texts = new LoadedTexts((entry) => {
    keys.push(entry.key);
    entries.push(entry);
  });
  let revision = 0;
  let newest = 0;
  for (const { key, value } of database.getRange({ snapshot: false })) {
    if (!isIntact(key, value)) throw damaged(directory, `the checksum of ${JSON.stringify(key)} is wrong`);
    const own = value.readDoubleBE(REVISION_AT);
    if (key === REVISION_KEY) revision = own;
    else {
      newest = Math.max(newest, own);
      texts.add(key, own, value, HEADER);
    }
  }
  texts.flush();
  if (newest > revision) throw damaged(directory, `revision ${newest} is above the store's own, ${revision}`);
  return { entries: OrderedMap.of(keys, entries), revision };
}

function journalOf(database: Database<Buffer, string>, lock: DirectoryLock): Journal<string> {
  return {
    async append(writes: ReadonlyMap<string, Write<string>>, revision: number): Promise<void> {
      try {
        await database.batch(() => writeAll(database, writes, revision));
      } catch (error) {
        throw new WriteFailed(await reasonOf(error));
      }
    },
    async close(): Promise<void> {
      await database.close();
      lock.release();
    },
  };
}

/** The disk did not take a transaction: nothing of it happened. */
export class WriteFailed extends Error {
  constructor(why: string) {
    super(`the store cannot write: ${why}`);
    this.name = "WriteFailed";
  }
}

function writeAll(
  database: Database<Buffer, string>,
  writes: ReadonlyMap<string, Write<string>>,
  revision: number,
): void {
  const own = [database.put(REVISION_KEY, encode({ key: REVISION_KEY, value: "", revision }))];
  for (const [key, { entry }] of writes) {
    own.push(entry === undefined ? database.remove(key) : database.put(key, encode(entry)));
  }
  // the batch's own promise tells of a failure; each write's does too, and nobody waits for those
  for (const promise of own) promise.catch(() => {});
}

/** LMDB's binding says why in a promise of its own, which it rejects right after the batch's. */
async function reasonOf(error: unknown): Promise<string> {
  const later = (error as { commitError?: Promise<never> }).commitError;
  const reason = await Promise.race([
    later?.catch((cause: unknown) => cause),
    new Promise((resolve) => setImmediate(resolve, undefined)),
  ]);
  return ((reason ?? error) as Error).message.split(":")[0]!;
}

function encode({ key, value, revision }: Entry<string>): Buffer {
  const size = Buffer.byteLength(value);
  const bytes = Buffer.allocUnsafe(HEADER + size);
  bytes.writeDoubleBE(revision, REVISION_AT);
  bytes.write(value, HEADER, "utf8");
  bytes[0] = MARK;
  bytes.writeUInt32BE(checksum(key, bytes), CHECKSUM_AT);
  return bytes;
}

function isIntact(key: string, bytes: Buffer): boolean {
  if (bytes.length < HEADER || bytes[0] !== MARK) return false;
  return bytes.readUInt32BE(CHECKSUM_AT) === checksum(key, bytes);
}

function checksum(key: string, bytes: Buffer): number {
  return crc32(bytes.subarray(REVISION_AT), crc32(key));
}
