// A compact set of target keys: 8 bytes of each, in one typed array that the garbage collector does not walk. It
// never misses a key that was added, but rarely (once in 2^64 over the number of keys) claims another one, so a hit
// must be checked in the database.
import type { TargetKey } from '../domain/targets.ts';

/**
 * The first 8 bytes of each of some keys, two to a character: a string takes a third of the memory of a typed
 * array of the same length, and every token that is remembered has one.
 */
export type Prints = string;

export const bytesOfKey = 8;
const charactersOfKey = bytesOfKey / 2;
const loadMax = 0.6;

export function printsOf(keys: readonly TargetKey[]): Prints {
  return printsOfHex(keys.map((key) => key.slice(0, 2 * bytesOfKey)).join(''));
}

/** Prints of the first bytes of keys, which are given as hexadecimal, one after another. */
export function printsOfHex(beginnings: string): Prints {
  return Buffer.from(beginnings, 'hex').toString('utf16le');
}

export class TargetKeySet {
  #slots = new Uint32Array(2 * 1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  addAll(prints: Prints): void {
    for (let at = 0; at < prints.length; at += charactersOfKey) {
      if (this.#size >= (this.#slots.length / 2) * loadMax) this.#grow();
      if (this.#insert(this.#slots, highOf(prints, at), lowOf(prints, at))) this.#size += 1;
    }
  }

  hasAny(prints: Prints): boolean {
    for (let at = 0; at < prints.length; at += charactersOfKey)
      if (this.#has(highOf(prints, at), lowOf(prints, at))) return true;
    return false;
  }

  #has(high: number, low: number): boolean {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let slot = high & mask; ; slot = (slot + 1) & mask) {
      const found = slots[2 * slot + 1];
      if (found === 0) return false;
      if (found === low && slots[2 * slot] === high) return true;
    }
  }

  #insert(slots: Uint32Array, high: number, low: number): boolean {
    const mask = slots.length / 2 - 1;
    let slot = high & mask;
    while (slots[2 * slot + 1] !== 0) {
      if (slots[2 * slot + 1] === low && slots[2 * slot] === high) return false;
      slot = (slot + 1) & mask;
    }
    slots[2 * slot] = high;
    slots[2 * slot + 1] = low;
    return true;
  }

  #grow(): void {
    const before = this.#slots;
    const slots = new Uint32Array(before.length * 2);
    for (let slot = 0; slot < before.length; slot += 2) {
      const low = before[slot + 1] as number;
      if (low !== 0) this.#insert(slots, before[slot] as number, low);
    }
    this.#slots = slots;
  }
}

function highOf(prints: Prints, at: number): number {
  return ((prints.charCodeAt(at) << 16) | prints.charCodeAt(at + 1)) >>> 0;
}

/** Never 0, which stands for an empty slot. */
function lowOf(prints: Prints, at: number): number {
  return ((prints.charCodeAt(at + 2) << 16) | prints.charCodeAt(at + 3)) >>> 0 || 1;
}
