// A compact set of digests: ten bits of memory for each, in typed arrays that the garbage collector does not walk. It
// never misses a digest that was added, but claims one in a hundred others, so a yes must be checked in the database.
//
// A Bloom filter in blocks of the size of a cache line, so that a look-up reads one place of the memory. Digests are
// random enough to be their own hashes; an attacker who finds colliding ones only makes us look them up.
import type { Digest } from '../../domain/claims.ts';

const bitsPerDigest = 10;
const wordsPerBlock = 16;
const bitsPerBlock = 32 * wordsPerBlock;
/** A number of 32 bits holds three places of nine bits each. */
const placesPerNumber = 3;
const bitsPerPlace = 9;
/** The least room of a further layer. */
const furtherMin = 1_000;
/** How many hexadecimal digits, from the first on, are read. */
export const digitsRead = 24;

export class DigestFilter {
  /** Digests are added to the last layer; each layer is larger than all before it. */
  readonly #layers: Layer[];
  #size = 0;

  /** Room for `capacity` digests. With more, the filter grows, and a look-up reads several places. */
  constructor(capacity: number) {
    this.#layers = [new Layer(capacity)];
  }

  /** How many digests were added that it did not claim before. */
  get size(): number {
    return this.#size;
  }

  has(digest: Digest): boolean {
    return this.#layers.some((layer) => layer.has(digest));
  }

  /** Returns whether the digest is new to the filter. */
  add(digest: Digest): boolean {
    if (this.has(digest)) return false;
    let last = this.#layers.at(-1) as Layer;
    if (last.isFull) {
      last = new Layer(Math.max(furtherMin, 2 * this.#size));
      this.#layers.push(last);
    }
    last.add(digest);
    this.#size += 1;
    return true;
  }
}

class Layer {
  readonly #words: Uint32Array;
  readonly #blocks: number;
  #room: number;

  constructor(capacity: number) {
    this.#room = capacity;
    this.#blocks = Math.ceil((capacity * bitsPerDigest) / bitsPerBlock);
    this.#words = new Uint32Array(this.#blocks * wordsPerBlock);
  }

  get isFull(): boolean {
    return this.#room <= 0;
  }

  has(digest: Digest): boolean {
    const block = this.#blockOf(digest);
    return this.#hasPlaces(block, numberAt(digest, 8)) && this.#hasPlaces(block, numberAt(digest, 16));
  }

  add(digest: Digest): void {
    const block = this.#blockOf(digest);
    this.#setPlaces(block, numberAt(digest, 8));
    this.#setPlaces(block, numberAt(digest, 16));
    this.#room -= 1;
  }

  #blockOf(digest: Digest): number {
    return Math.floor((numberAt(digest, 0) / 2 ** 32) * this.#blocks) * wordsPerBlock;
  }

  #hasPlaces(block: number, number: number): boolean {
    for (let n = 0; n < placesPerNumber; n++) {
      const place = (number >>> (n * bitsPerPlace)) & (bitsPerBlock - 1);
      const word = this.#words[block + (place >>> 5)] as number;
      if ((word & (1 << (place & 31))) === 0) return false;
    }
    return true;
  }

  #setPlaces(block: number, number: number): void {
    for (let n = 0; n < placesPerNumber; n++) {
      const place = (number >>> (n * bitsPerPlace)) & (bitsPerBlock - 1);
      const at = block + (place >>> 5);
      this.#words[at] = (this.#words[at] as number) | (1 << (place & 31));
    }
  }
}

/** The number that eight hexadecimal digits make, in either case. */
function numberAt(digest: Digest, from: number): number {
  let number = 0;
  for (let at = from; at < from + 8; at++) {
    const code = digest.charCodeAt(at);
    number = (number << 4) | ((code & 15) + (code >> 6) * 9);
  }
  return number >>> 0;
}
