// A compact set of digests: ten bits of memory for each, in typed arrays that the garbage collector does not walk. It
// never misses a digest that was added; of others it claims one in a hundred, so a yes must be checked where the
// truth is.
//
// A Bloom filter in blocks of the size of a cache line: to ask for a digest reads one place of the memory. Digests
// are as good as random, so they are their own hashes; whoever searches for some that collide makes us look them up.
import type { Digest } from '../domain/claims.ts';

const bitsPerDigest = 10;
const wordsPerBlock = 16;
const bitsPerBlock = 32 * wordsPerBlock;
/** Two numbers of 32 bits have three places of nine bits each. */
const placesPerNumber = 3;
const bitsPerPlace = 9;
/** Room of a further layer, at least. */
const furtherMin = 1_000;
/** So many hexadecimal digits from the first on are read. */
export const digitsRead = 24;

export class DigestFilter {
  /** The last is added to; each is larger than all before it. */
  readonly #layers: Layer[];
  #size = 0;

  /** Room for so many digests. With more it grows, and then reads more than one place. */
  constructor(capacity: number) {
    this.#layers = [new Layer(capacity)];
  }

  /** How many were added that it did not claim before. */
  get size(): number {
    return this.#size;
  }

  has(digest: Digest): boolean {
    return this.#layers.some((layer) => layer.has(digest));
  }

  /** Returns whether it did not claim it before. */
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

/** Of eight hexadecimal digits, in either case. */
function numberAt(digest: Digest, from: number): number {
  let number = 0;
  for (let at = from; at < from + 8; at++) {
    const code = digest.charCodeAt(at);
    number = (number << 4) | ((code & 15) + (code >> 6) * 9);
  }
  return number >>> 0;
}
