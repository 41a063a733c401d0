// What every server of bench/servers does in the end: listen somewhere, say where, and end when told to.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export function listen(handle: RequestListener): void {
  const server = createServer(handle).listen(0, '127.0.0.1', () =>
    sayPort((server.address() as AddressInfo).port),
  );
}

export function sayPort(port: number): void {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
}
