// A load of keep-alive connections that each wait for their answer before they ask again. Every answer's
// body is checked: a server that answers wrongly is not fast. Plain sockets and requests written as text, so
// that the load costs less than what it measures; what it does cost is measured, too.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

export interface Ask {
  /** The whole HTTP request, in ASCII. */
  readonly bytes: string | Buffer;
  /** What the body of the answer must contain, or must satisfy. */
  readonly expect: string | ((body: string) => boolean);
}

export interface Measured {
  readonly requests: number;
  /** Requests per second. */
  readonly rate: number;
  /** CPU time that the server spent per request, in all its processes, in microseconds. */
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of one core that the load itself took. */
  readonly loadShare: number;
}

export interface Load {
  readonly port: number;
  readonly pid: number;
  readonly connections: number;
  readonly seconds: number;
  /** Ends before its time after so many requests. */
  readonly requestsMax?: number;
  /** The n-th request. */
  readonly ask: (n: number) => Ask;
  /** Requests per second, evenly spread; without it every connection asks as soon as it was answered. */
  readonly rate?: number;
}

export function formPost(path: string, authorization: string, fields: Record<string, string>): string {
  const body = new URLSearchParams(fields).toString();
  return post(path, authorization, 'application/x-www-form-urlencoded', body);
}

export function jsonPost(path: string, authorization: string, value: unknown): string {
  return post(path, authorization, 'application/json', JSON.stringify(value));
}

function post(path: string, authorization: string, type: string, body: string): string {
  return (
    `POST ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: ${authorization}\r\n` +
    `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

export function basic(clientId: string, clientSecret: string): string {
  return `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
}

/** Kernel accounting of a process and those it started: user and system time, in microseconds. */
export function cpuMicrosOf(pid: number): number {
  const started = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? [];
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const ticksPerSecond = 100;
  const own = ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
  return started.reduce((sum, child) => sum + cpuMicrosOf(Number(child)), own);
}

/** Memory of a process in MiB: what it holds now, or held at most. */
export function memoryOf(pid: number, which: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${which}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
}

export async function measure(load: Load): Promise<Measured> {
  const { requestsMax = Number.POSITIVE_INFINITY } = load;
  const latencies: number[] = [];
  let asked = 0;
  const began = performance.now();
  const until = began + load.seconds * 1000;
  const next = () => (performance.now() < until && asked < requestsMax ? asked++ : undefined);
  const cpuBefore = cpuMicrosOf(load.pid);
  const ownBefore = process.cpuUsage();
  await Promise.all(Array.from({ length: load.connections }, () => converse(load, began, next, latencies)));
  const cpu = cpuMicrosOf(load.pid) - cpuBefore;
  const own = process.cpuUsage(ownBefore);
  const seconds = (performance.now() - began) / 1000;
  latencies.sort((one, other) => one - other);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return {
    requests: latencies.length,
    rate: latencies.length / seconds,
    cpuMicros: cpu / latencies.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    loadShare: (own.user + own.system) / 1e6 / seconds,
  };
}

export function isExpected({ expect }: Ask, body: string): boolean {
  return typeof expect === 'string' ? body.includes(expect) : expect(body);
}

/** One connection; `next` gives the number of its next request, or undefined for the end. */
function converse(
  load: Load,
  began: number,
  next: () => number | undefined,
  latencies: number[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(load.port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    let current: Ask;
    let sentAt = 0;
    let received = '';
    const send = (): void => {
      const n = next();
      if (n === undefined) return void socket.end(resolve);
      current = load.ask(n);
      const now = performance.now();
      const due = load.rate === undefined ? now : began + (n * 1000) / load.rate;
      // A request that found no free connection has waited since it was due.
      sentAt = Math.min(due, now);
      if (due <= now) return void socket.write(current.bytes, 'latin1');
      setTimeout(() => {
        sentAt = performance.now();
        socket.write(current.bytes, 'latin1');
      }, due - now);
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('data', (chunk: unknown) => {
      received += chunk as string;
      const body = bodyOf(received);
      if (body === undefined) return;
      if (!isExpected(current, body)) {
        reject(new Error(`an answer is not as expected: ${received.slice(0, 400)}`));
        socket.destroy();
        return;
      }
      received = '';
      latencies.push(performance.now() - sentAt);
      send();
    });
  });
}

/** The body of a whole response with a Content-Length; undefined while more is to come. */
export function bodyOf(response: string): string | undefined {
  const end = response.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = Number(/content-length: (\d+)/i.exec(response)?.[1]);
  return response.length - end - 4 >= length ? response.slice(end + 4) : undefined;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
