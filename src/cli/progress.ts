// A progress bar on a terminal; elsewhere a line at the end, so that logs stay readable.

const width = 30;
const redrawMs = 100;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #label: string;
  #total: number;
  readonly #began = performance.now();
  #done = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream, label: string, total: number) {
    this.#stream = stream;
    this.#label = label;
    this.#total = total;
  }

  advance(by: number): void {
    this.to(this.#done + by);
  }

  to(done: number): void {
    this.#done = done;
    // The work may grow meanwhile, as when a running server goes on writing.
    this.#total = Math.max(this.#total, done);
    const now = performance.now();
    if (!this.#stream.isTTY || now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    this.#stream.write(`\r${this.#text()}`);
  }

  end(): void {
    const seconds = (performance.now() - this.#began) / 1000;
    const back = this.#stream.isTTY ? '\r' : '';
    this.#stream.write(`${back}${this.#text()} in ${seconds.toFixed(1)} s\n`);
  }

  #text(): string {
    const part = this.#total === 0 ? 1 : this.#done / this.#total;
    const bar = '#'.repeat(Math.round(part * width)).padEnd(width, '.');
    return `${this.#label} [${bar}] ${Math.floor(part * 100)}% ${this.#done}/${this.#total}`;
  }
}
