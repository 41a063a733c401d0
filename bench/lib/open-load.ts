// A load that does not wait: requests are due at a steady rate, whatever became of earlier ones, as with many
// independent callers. Latency counts from when a request was due, so that a server that falls behind shows it, and
// besides from when it was sent, once a connection was free. Plain sockets, each stream of requests over connections of
// its own.
import { connect, type Socket } from 'node:net';
import { type Ask, bodyOf, isExpected } from './load.ts';

export interface Stream {
  readonly name: string;
  readonly perSecond: number;
  readonly connections: number;
  /** The n-th request. */
  readonly ask: (n: number) => Ask;
}

export interface StreamMeasured {
  /** Per second, until the last has its answer. */
  readonly answered: number;
  /** With 503 and Retry-After, per second. */
  readonly refused: number;
  readonly answeredP50Ms: number;
  readonly answeredP99Ms: number;
  readonly refusedP99Ms: number;
  /** From when it was sent. */
  readonly answeredOnceSentP99Ms: number;
}

interface Due {
  readonly ask: Ask;
  readonly at: number;
}

const tickMs = 2;

/** Runs all streams side by side. A wrong answer, which is neither as expected nor a proper refusal, ends it. */
export async function measureOpen(
  port: number,
  seconds: number,
  streams: readonly Stream[],
): Promise<Map<string, StreamMeasured>> {
  const loads = streams.map((stream) => new StreamLoad(port, stream));
  try {
    await Promise.all(loads.map((one) => one.connect()));
    await Promise.all(loads.map((one) => one.run(seconds)));
    return new Map(loads.map((one) => [one.name, one.measured()]));
  } finally {
    for (const one of loads) one.close();
  }
}

class StreamLoad {
  readonly name: string;
  readonly #port: number;
  readonly #stream: Stream;
  readonly #sockets: Socket[] = [];
  readonly #idle: ((due: Due) => void)[] = [];
  /** Requests that are due; those before `#sent` have left. */
  readonly #due: Due[] = [];
  #sent = 0;
  readonly #answered: number[] = [];
  readonly #refused: number[] = [];
  readonly #answeredOnceSent: number[] = [];
  #asked = 0;
  #tookMs = 0;
  #fail: (error: Error) => void = () => {};

  constructor(port: number, stream: Stream) {
    this.name = stream.name;
    this.#port = port;
    this.#stream = stream;
  }

  async connect(): Promise<void> {
    for (let n = 0; n < this.#stream.connections; n++) await this.#open();
  }

  run(seconds: number): Promise<void> {
    const began = performance.now();
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      const timer = setInterval(() => {
        const elapsed = Math.min(performance.now() - began, seconds * 1000);
        for (; this.#asked < (elapsed * this.#stream.perSecond) / 1000; this.#asked += 1) {
          const at = began + (this.#asked * 1000) / this.#stream.perSecond;
          this.#due.push({ ask: this.#stream.ask(this.#asked), at });
        }
        for (; this.#idle.length > 0 && this.#sent < this.#due.length; this.#sent += 1)
          this.#idle.pop()?.(this.#due[this.#sent] as Due);
        const done = this.#answered.length + this.#refused.length;
        if (elapsed < seconds * 1000 || done < this.#asked) return;
        clearInterval(timer);
        this.#tookMs = performance.now() - began;
        resolve();
      }, tickMs);
    });
  }

  measured(): StreamMeasured {
    const seconds = this.#tookMs / 1000;
    return {
      answered: this.#answered.length / seconds,
      refused: this.#refused.length / seconds,
      answeredP50Ms: at(this.#answered, 0.5),
      answeredP99Ms: at(this.#answered, 0.99),
      refusedP99Ms: at(this.#refused, 0.99),
      answeredOnceSentP99Ms: at(this.#answeredOnceSent, 0.99),
    };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #open(): Promise<void> {
    const socket = connect(this.#port, '127.0.0.1');
    socket.setNoDelay(true);
    this.#sockets.push(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    let current: Due | undefined;
    let sentAt = 0;
    let received = '';
    const send = (due: Due): void => {
      current = due;
      sentAt = performance.now();
      received = '';
      socket.write(due.ask.bytes);
    };
    this.#idle.push(send);
    socket.on('error', (error) => this.#fail(error));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const body = bodyOf(received);
      if (body === undefined || current === undefined) return;
      const isRefused = received.startsWith('HTTP/1.1 503') && /\r\nretry-after: \d/i.test(received);
      if (!isRefused && !isExpected(current.ask, body))
        this.#fail(new Error(`an answer is not as expected: ${received.slice(0, 400)}`));
      const now = performance.now();
      (isRefused ? this.#refused : this.#answered).push(now - current.at);
      if (!isRefused) this.#answeredOnceSent.push(now - sentAt);
      current = undefined;
      this.#idle.push(send);
    });
  }
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}
