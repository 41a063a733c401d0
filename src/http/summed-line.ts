// A line of the log for what can happen thousands of times a second, such as a refusal: a line for each would be a load
// of its own, and fill the disk.

const everyMs = 10_000;

/** Written at once when it first happens; what follows is summed up, in at most one line every ten seconds. */
export class SummedLine<Occurrence> {
  readonly #write: (last: Occurrence, times: number) => void;
  #last: Occurrence | undefined;
  /** Since the last line. */
  #times = 0;
  #writtenAt = Number.NEGATIVE_INFINITY;
  /** Set while something waits to be written. */
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (last: Occurrence, times: number) => void) {
    this.#write = write;
  }

  add(occurrence: Occurrence): void {
    this.#last = occurrence;
    this.#times += 1;
    if (this.#timer) return;
    const waits = this.#writtenAt + everyMs - performance.now();
    if (waits > 0) this.#timer = setTimeout(() => this.flush(), waits).unref();
    else this.flush();
  }

  /** Writes what is not written yet. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#times === 0) return;
    const times = this.#times;
    this.#times = 0;
    this.#writtenAt = performance.now();
    this.#write(this.#last as Occurrence, times);
  }
}
