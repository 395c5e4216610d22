import { readSync } from "node:fs";

/**
 * Walks an LMDB data file (format 2: mdb.c, structs MDB_page_header, MDB_node, MDB_db) before LMDB itself maps it: LMDB
 * trusts its pages, and a damaged one would crash the process or hide entries. What the values hold is not looked at.
 * All numbers are little endian.
 */
const PAGE_HEADER = 24;
const NODE_HEADER = 8;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const BIG_DATA = 0x01;
const NO_PAGE = 0xffffffffffffffffn;

/** Where a meta page has its two databases: the free pages and the entries. */
const DATABASES = [48, 96] as const;
const ENTRIES_AT = 32;
const ROOT_AT = 40;

/** What the meta pages say of the file. */
export interface FileFacts {
  readonly file: number;
  readonly pageSize: number;
  readonly lastPage: number;
  /** The newest meta page's own bytes. */
  readonly meta: Buffer;
}

/** Why a data file cannot be trusted; undefined when its trees are whole. */
export function findDamage(facts: FileFacts): string | undefined {
  const walk = new Walk(facts);
  try {
    const [free, main] = DATABASES.map((at) => ({
      entries: Number(facts.meta.readBigUInt64LE(at + ENTRIES_AT)),
      root: facts.meta.readBigUInt64LE(at + ROOT_AT),
    }));
    walk.tree(main!.root, main!.entries, false);
    walk.tree(free!.root, free!.entries, true);
    walk.checkFreePages();
    return undefined;
  } catch (error) {
    if (error instanceof Damage || error instanceof RangeError) return error.message;
    throw error;
  }
}

class Damage extends Error {}

class Walk {
  readonly #facts: FileFacts;
  readonly #used: Uint8Array;
  readonly #free: number[] = [];
  /** One page of each depth, read again and again: a page is looked at until its neighbour is. */
  readonly #pages: Buffer[] = [];
  #entries = 0;

  constructor(facts: FileFacts) {
    this.#facts = facts;
    this.#used = new Uint8Array(facts.lastPage + 1);
  }

  tree(root: bigint, entries: number, isFreeList: boolean): void {
    this.#entries = 0;
    if (root !== NO_PAGE) this.#page(Number(root), undefined, undefined, isFreeList, 0);
    if (this.#entries !== entries)
      throw new Damage(`a tree has ${this.#entries} entries instead of ${entries}`);
  }

  /** No page may be both in use and free: a write would take it. */
  checkFreePages(): void {
    for (const page of this.#free) this.#claim(page, "free");
  }

  #page(
    number: number,
    low: Buffer | undefined,
    high: Buffer | undefined,
    isFreeList: boolean,
    depth: number,
  ): void {
    if (depth > 64) throw new Damage("a tree is too deep");
    const page = this.#read(number, depth);
    const flags = page.readUInt16LE(18) & (BRANCH | LEAF | OVERFLOW);
    if (flags !== BRANCH && flags !== LEAF) throw new Damage(`page ${number} is of no kind`);
    const nodes = nodesOf(page, number, flags === BRANCH);
    if (!isFreeList) checkOrder(nodes, number, flags === BRANCH, low, high);
    if (flags === LEAF) for (const node of nodes) this.#leaf(node, isFreeList, depth);
    else {
      for (const [index, node] of nodes.entries()) {
        const from = index === 0 ? low : node.key;
        this.#page(node.child, from, nodes[index + 1]?.key ?? high, isFreeList, depth + 1);
      }
    }
  }

  #leaf(node: Node, isFreeList: boolean, depth: number): void {
    this.#entries++;
    if ((node.flags & ~BIG_DATA) !== 0) throw new Damage("an entry is of no kind");
    if (node.flags !== BIG_DATA && !isFreeList) return;
    const value = node.flags === BIG_DATA ? this.#overflow(node, isFreeList, depth + 1) : dataOf(node);
    if (isFreeList) this.#free.push(...freePages(value!));
  }

  #overflow(node: Node, isFreeList: boolean, depth: number): Buffer | undefined {
    const { size } = node;
    const pointer = dataOf(node);
    const first = Number(pointer.readBigUInt64LE(0));
    const count = Math.floor((PAGE_HEADER - 1 + size) / this.#facts.pageSize) + 1;
    const page = this.#read(first, depth);
    if ((page.readUInt16LE(18) & OVERFLOW) === 0 || page.readUInt32LE(20) < count) {
      throw new Damage(`page ${first} should hold a long value`);
    }
    for (let number = first + 1; number < first + page.readUInt32LE(20); number++)
      this.#claim(number, "used");
    if (!isFreeList) return undefined;
    const value = Buffer.allocUnsafe(size);
    this.#fill(value, first * this.#facts.pageSize + PAGE_HEADER);
    return value;
  }

  #read(number: number, depth: number): Buffer {
    this.#claim(number, "used");
    const page = this.#pages[depth] ?? Buffer.allocUnsafeSlow(this.#facts.pageSize);
    this.#pages[depth] = page;
    this.#fill(page, number * this.#facts.pageSize);
    if (Number(page.readBigUInt64LE(0)) !== number) throw new Damage(`page ${number} is another one`);
    return page;
  }

  #claim(number: number, as: string): void {
    if (!Number.isSafeInteger(number) || number < 2 || number > this.#facts.lastPage) {
      throw new Damage(`page ${number} is outside of the file`);
    }
    if (this.#used[number] === 1) throw new Damage(`page ${number} is ${as} and in use twice`);
    this.#used[number] = 1;
  }

  #fill(bytes: Buffer, offset: number): void {
    if (readSync(this.#facts.file, bytes, 0, bytes.length, offset) < bytes.length)
      throw new Damage("the file is cut off");
  }
}

interface Node {
  readonly key: Buffer;
  readonly flags: number;
  /** Of a leaf: the length of its value. */
  readonly size: number;
  /** Of a leaf: where its value is, or what leads to it. */
  readonly page: Buffer;
  readonly from: number;
  readonly length: number;
  /** Of a branch: the page below. */
  readonly child: number;
}

function nodesOf(page: Buffer, number: number, isBranch: boolean): Node[] {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  if (lower % 2 !== 0 || lower > upper || upper + PAGE_HEADER > page.length || lower === 0) {
    throw new Damage(`page ${number} has bad bounds`);
  }
  return Array.from({ length: lower / 2 }, (_, index) => {
    const start = page.readUInt16LE(PAGE_HEADER + 2 * index) + PAGE_HEADER;
    if (start < upper + PAGE_HEADER) throw new Damage(`page ${number} has an entry out of bounds`);
    return nodeAt(page, start, number, isBranch);
  });
}

function nodeAt(page: Buffer, start: number, number: number, isBranch: boolean): Node {
  const size = page.readUInt32LE(start);
  const flags = page.readUInt16LE(start + 4);
  const keyEnd = start + NODE_HEADER + page.readUInt16LE(start + 6);
  const length = isBranch ? 0 : (flags & BIG_DATA) === 0 ? size : 24;
  if (keyEnd + length > page.length) throw new Damage(`page ${number} has an entry out of bounds`);
  return {
    key: page.subarray(start + NODE_HEADER, keyEnd),
    page,
    from: keyEnd,
    length,
    child: isBranch ? size + flags * 2 ** 32 : 0,
    flags,
    size,
  };
}

function dataOf({ page, from, length }: Node): Buffer {
  return page.subarray(from, from + length);
}

/** Keys rise within a page and stay within what the pages above say; the first key of a branch is not looked at. */
function checkOrder(
  nodes: readonly Node[],
  number: number,
  isBranch: boolean,
  low: Buffer | undefined,
  high: Buffer | undefined,
): void {
  let previous = low;
  for (const [index, { key }] of nodes.entries()) {
    if (isBranch && index === 0) continue;
    const order = previous === undefined ? 1 : Buffer.compare(key, previous);
    const mayEqual = !isBranch && index === 0;
    if (order < 0 || (order === 0 && !mayEqual)) throw new Damage(`page ${number} is not in order`);
    previous = key;
  }
  if (previous !== undefined && high !== undefined && Buffer.compare(previous, high) >= 0) {
    throw new Damage(`page ${number} is not in order`);
  }
}

/** The pages of a free list: a count, then numbers; a negative one is the length of a block whose start follows. */
function freePages(value: Buffer): number[] {
  const count = Number(value.readBigUInt64LE(0));
  if ((count + 1) * 8 > value.length) throw new Damage("a list of free pages is too short");
  const pages: number[] = [];
  for (let index = 1; index <= count; index++) {
    const entry = Number(value.readBigInt64LE(index * 8));
    if (entry > 0) pages.push(entry);
    if (entry >= 0) continue;
    const start = Number(value.readBigInt64LE(++index * 8));
    if (-entry > 2 ** 24) throw new Damage("a block of free pages is too long");
    for (let page = start; page < start - entry; page++) pages.push(page);
  }
  return pages;
}
