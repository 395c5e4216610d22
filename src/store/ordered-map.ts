/** Chunks are split at twice this size, so that an insertion moves few items. */
const CHUNK = 256;

/** A map from strings to values, ordered by key: chunks of sorted items, found by binary search. */
export class OrderedMap<V> {
  #chunks: { keys: string[]; values: V[] }[] = [];
  #size = 0;

  /** Builds the map from items in any order; a key stands there once. */
  static from<V>(items: Iterable<readonly [string, V]>): OrderedMap<V> {
    const sorted = [...items].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return OrderedMap.#ofSorted(
      sorted.map(([key]) => key),
      sorted.map(([, value]) => value),
    );
  }

  /** Builds the map from keys and the values at the same places: most quickly where they are in order already. */
  static of<V>(keys: readonly string[], values: readonly V[]): OrderedMap<V> {
    if (isSorted(keys)) return OrderedMap.#ofSorted(keys, values);
    return OrderedMap.from(keys.map((key, index) => [key, values[index]!]));
  }

  static #ofSorted<V>(keys: readonly string[], values: readonly V[]): OrderedMap<V> {
    const map = new OrderedMap<V>();
    for (let start = 0; start < keys.length; start += CHUNK) {
      const end = start + CHUNK;
      map.#chunks.push({ keys: keys.slice(start, end), values: values.slice(start, end) });
    }
    map.#size = keys.length;
    return map;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const chunk = this.#chunks[this.#chunkOf(key)];
    if (chunk === undefined) return undefined;
    const index = lowerBound(chunk.keys, key);
    return chunk.keys[index] === key ? chunk.values[index] : undefined;
  }

  set(key: string, value: V): void {
    const position = this.#chunkOf(key);
    const chunk = this.#chunks[position];
    if (chunk === undefined) {
      this.#chunks.push({ keys: [key], values: [value] });
      this.#size++;
      return;
    }
    const index = lowerBound(chunk.keys, key);
    if (chunk.keys[index] === key) {
      chunk.values[index] = value;
      return;
    }
    chunk.keys.splice(index, 0, key);
    chunk.values.splice(index, 0, value);
    this.#size++;
    if (chunk.keys.length > 2 * CHUNK) this.#split(position);
  }

  delete(key: string): boolean {
    const position = this.#chunkOf(key);
    const chunk = this.#chunks[position];
    if (chunk === undefined) return false;
    const index = lowerBound(chunk.keys, key);
    if (chunk.keys[index] !== key) return false;
    chunk.keys.splice(index, 1);
    chunk.values.splice(index, 1);
    this.#size--;
    if (chunk.keys.length === 0) this.#chunks.splice(position, 1);
    return true;
  }

  /** Values whose key is at least `from` and below `to`, in order; at most `limit`. */
  slice(from: string, to: string, limit = Number.POSITIVE_INFINITY): V[] {
    const result: V[] = [];
    for (let position = this.#chunkOf(from); position < this.#chunks.length; position++) {
      const { keys, values } = this.#chunks[position]!;
      const start = lowerBound(keys, from);
      const end = Math.min(lowerBound(keys, to), start + limit - result.length);
      for (let index = start; index < end; index++) result.push(values[index]!);
      if (end < keys.length) break;
    }
    return result;
  }

  /** How many keys are at least `from` and below `to`. */
  count(from: string, to: string): number {
    return Math.max(0, this.#rank(to) - this.#rank(from));
  }

  #rank(key: string): number {
    const position = this.#chunkOf(key);
    let rank = 0;
    for (let index = 0; index < position; index++) rank += this.#chunks[index]!.keys.length;
    const chunk = this.#chunks[position];
    return chunk === undefined ? rank : rank + lowerBound(chunk.keys, key);
  }

  /** The last chunk whose first key is not above the key; 0 when there is none. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#chunks[middle]!.keys[0]! <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #split(position: number): void {
    const chunk = this.#chunks[position]!;
    const upper = { keys: chunk.keys.splice(CHUNK), values: chunk.values.splice(CHUNK) };
    this.#chunks.splice(position + 1, 0, upper);
  }
}

function isSorted(keys: readonly string[]): boolean {
  for (let index = 1; index < keys.length; index++) {
    if (keys[index - 1]! >= keys[index]!) return false;
  }
  return true;
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
