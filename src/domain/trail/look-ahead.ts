// Reads an asynchronous sequence with look-ahead, keeping only the items that were looked at.

export class LookAhead<Item> {
  readonly #source: AsyncIterator<Item>;
  #seen: Item[] = [];
  #head = 0;

  constructor(source: AsyncIterable<Item>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The item `ahead` places after the next one; undefined after the end. */
  async peek(ahead = 0): Promise<Item | undefined> {
    while (this.#seen.length - this.#head <= ahead) {
      const step = await this.#source.next();
      if (step.done) return undefined;
      this.#seen.push(step.value);
    }
    return this.#seen[this.#head + ahead];
  }

  /** Passes over the next item, which was looked at. */
  pass(): void {
    this.#head += 1;
    if (this.#head < this.#seen.length) return;
    this.#seen = [];
    this.#head = 0;
  }
}
