// A compact set of target keys: four bytes of each, in one typed array that the garbage collector does not walk. It
// never misses a key that was added, but claims another one once in 2^32 over the number of keys, so a hit must be
// checked in the database.
import type { TargetKey } from '../../domain/targets.ts';

/**
 * The first four bytes of each of some keys, two to a character: a string takes a third of the memory of a typed
 * array of the same length, and every token that is remembered has one.
 */
export type Prints = string;

export const bytesOfKey = 4;
const charactersOfKey = bytesOfKey / 2;
const slotsMin = 1024;
const loadMax = 0.6;
/** Marks a slot that holds no key. */
const empty = 0;

export function printsOf(keys: readonly TargetKey[]): Prints {
  return printsOfHex(keys.map((key) => key.slice(0, 2 * bytesOfKey)).join(''));
}

/** Prints of the first bytes of keys, which are given as hexadecimal, one after another. */
export function printsOfHex(beginnings: string): Prints {
  return Buffer.from(beginnings, 'hex').toString('utf16le');
}

export class TargetKeySet {
  #slots = new Uint32Array(slotsMin);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  addAll(prints: Prints): void {
    for (let at = 0; at < prints.length; at += charactersOfKey) {
      if (this.#size >= this.#slots.length * loadMax) this.#grow();
      if (insert(this.#slots, printAt(prints, at))) this.#size += 1;
    }
  }

  hasAny(prints: Prints): boolean {
    for (let at = 0; at < prints.length; at += charactersOfKey)
      if (this.#has(printAt(prints, at))) return true;
    return false;
  }

  #has(print: number): boolean {
    return this.#slots[slotOf(this.#slots, print)] === print;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    for (const print of before) if (print !== empty) insert(this.#slots, print);
  }
}

/** Returns whether the print is new. */
function insert(slots: Uint32Array, print: number): boolean {
  const slot = slotOf(slots, print);
  if (slots[slot] === print) return false;
  slots[slot] = print;
  return true;
}

/** The slot that holds the print or, if there is none, the empty one in which it belongs. */
function slotOf(slots: Uint32Array, print: number): number {
  const mask = slots.length - 1;
  let slot = print & mask;
  while (slots[slot] !== print && slots[slot] !== empty) slot = (slot + 1) & mask;
  return slot;
}

/** Never that of an empty slot. */
function printAt(prints: Prints, at: number): number {
  return ((prints.charCodeAt(at) << 16) | prints.charCodeAt(at + 1)) >>> 0 || 1;
}
