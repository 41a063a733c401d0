// A compact set of target keys: 8 bytes of each, in one typed array that the garbage collector does not walk.
// It never misses a key that was added; now and then (once in 2^64 over the number of keys) it claims one
// that was not, so a hit must be checked where the truth is.
import type { TargetKey } from '../domain/targets.ts';

const loadMax = 0.6;

export class KeySet {
  #slots = new Uint32Array(2 * 1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(high: number, low: number): void {
    if (this.#size >= (this.#slots.length / 2) * loadMax) this.#grow();
    if (this.#insert(this.#slots, high, low || 1)) this.#size += 1;
  }

  has(high: number, low: number): boolean {
    const slots = this.#slots;
    const sought = low || 1;
    const mask = slots.length / 2 - 1;
    for (let slot = high & mask; ; slot = (slot + 1) & mask) {
      const found = slots[2 * slot + 1];
      if (found === 0) return false;
      if (found === sought && slots[2 * slot] === high) return true;
    }
  }

  /** An empty slot has a low half of 0, which no key has here. */
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

/** The first 8 bytes of each key as two 32-bit halves, one after the other. */
export function halvesOf(keys: readonly TargetKey[]): Uint32Array {
  const halves = new Uint32Array(keys.length * 2);
  keys.forEach((key, n) => {
    halves[2 * n] = Number.parseInt(key.slice(0, 8), 16);
    halves[2 * n + 1] = Number.parseInt(key.slice(8, 16), 16);
  });
  return halves;
}
