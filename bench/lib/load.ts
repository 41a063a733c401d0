// A load of keep-alive connections that each wait for their answer before they ask again. Every answer's
// body is checked: a server that answers wrongly is not fast. Plain sockets, so that the load costs less
// than what it measures.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

export interface Ask {
  /** The whole HTTP request. */
  readonly bytes: Buffer;
  /** What the body of the answer must contain. */
  readonly expect: string;
}

export interface Measured {
  readonly requests: number;
  /** Requests per second. */
  readonly rate: number;
  /** CPU time that the server spent per request, in all its processes, in microseconds. */
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  readonly port: number;
  readonly pid: number;
  readonly connections: number;
  readonly seconds: number;
  /** The n-th request. */
  readonly ask: (n: number) => Ask;
  /** Requests per second, evenly spread; without it every connection asks as soon as it was answered. */
  readonly rate?: number;
}

export function formPost(path: string, authorization: string, fields: Record<string, string>): Buffer {
  const body = new URLSearchParams(fields).toString();
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: ${authorization}\r\n` +
      `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

export function basic(clientId: string, clientSecret: string): string {
  return `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
}

/** Kernel accounting of a process and those it started: user and system time, in microseconds. */
function cpuMicrosOf(pid: number): number {
  const started = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? [];
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const ticksPerSecond = 100;
  const own = ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
  return started.reduce((sum, child) => sum + cpuMicrosOf(Number(child)), own);
}

export async function measure(load: Load): Promise<Measured> {
  const latencies: number[] = [];
  let asked = 0;
  const began = performance.now();
  const until = began + load.seconds * 1000;
  const cpuBefore = cpuMicrosOf(load.pid);
  await Promise.all(
    Array.from({ length: load.connections }, () =>
      converse(load, { began, until }, () => asked++, latencies),
    ),
  );
  const cpu = cpuMicrosOf(load.pid) - cpuBefore;
  const seconds = (performance.now() - began) / 1000;
  latencies.sort((one, other) => one - other);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return {
    requests: latencies.length,
    rate: latencies.length / seconds,
    cpuMicros: cpu / latencies.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

interface Span {
  readonly began: number;
  readonly until: number;
}

function converse(
  load: Load,
  { began, until }: Span,
  next: () => number,
  latencies: number[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(load.port, '127.0.0.1');
    socket.setNoDelay(true);
    let current: Ask;
    let sentAt = 0;
    let received = '';
    const send = (): void => {
      const n = next();
      current = load.ask(n);
      const now = performance.now();
      const due = load.rate === undefined ? now : began + (n * 1000) / load.rate;
      if (due > until) return void socket.end(resolve);
      // A request that no connection was free for has waited since it was due.
      sentAt = Math.min(due, now);
      if (due <= now) return void socket.write(current.bytes);
      setTimeout(() => {
        sentAt = performance.now();
        socket.write(current.bytes);
      }, due - now);
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const body = bodyOf(received);
      if (body === undefined) return;
      if (!body.includes(current.expect)) {
        reject(new Error(`an answer lacks ${current.expect}: ${received.slice(0, 400)}`));
        socket.destroy();
        return;
      }
      received = '';
      const now = performance.now();
      latencies.push(now - sentAt);
      if (now < until) send();
      else socket.end(resolve);
    });
  });
}

/** The body of a whole response with a Content-Length; undefined while more is to come. */
export function bodyOf(response: string): string | undefined {
  const end = response.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = Number(/content-length: (\d+)/i.exec(response)?.[1]);
  const body = response.slice(end + 4);
  return body.length >= length ? body : undefined;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
