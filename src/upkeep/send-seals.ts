// Sends seals away as they are made: to a file that is only ever appended to, and to a webhook. Only seals that have
// left this machine bind its owners. What was sent is remembered; after a failure a seal may be sent twice, never
// left out.
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeFileSync } from 'node:fs';
import type { Store } from '../domain/store.ts';
import type { StoredSeal } from '../domain/upkeep-store.ts';
import { keepName } from '../durable-names.ts';

export interface Destinations {
  readonly file: string | null;
  readonly webhookUrl: string | null;
}

type SentName = 'seal_file_sent' | 'seal_webhook_sent';
type Send = (seals: readonly StoredSeal[]) => Promise<void>;

const sealsAtOnce = 100;
const webhookTimeoutMs = 10_000;

/**
 * Resolves to how many seals went out. Rejects with what the first failing destination said. `signal` ends it,
 * and rejects a call to the webhook that is under way.
 */
export async function sendSeals(
  store: Store,
  { file, webhookUrl }: Destinations,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const sendTo = (sentName: SentName, send: Send) => sendAll(store, sentName, send, signal);
  const results = await Promise.allSettled([
    file === null ? 0 : sendTo('seal_file_sent', async (seals) => append(file, seals)),
    webhookUrl === null ? 0 : sendTo('seal_webhook_sent', (seals) => post(webhookUrl, seals, signal)),
  ]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return results.reduce((sum, result) => sum + (result.status === 'fulfilled' ? result.value : 0), 0);
}

async function sendAll(store: Store, sentName: SentName, send: Send, signal: AbortSignal): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    const seals = await store.upkeep.listSeals(await store.upkeep.readNote(sentName), sealsAtOnce);
    const last = seals.at(-1);
    if (!last) break;
    await send(seals);
    await store.upkeep.writeNote(sentName, last.number);
    count += seals.length;
  }
  return count;
}

function append(file: string, seals: readonly StoredSeal[]): void {
  const descriptor = openToAppend(file);
  try {
    appendTo(descriptor, file, seals);
  } finally {
    closeSync(descriptor);
  }
}

function appendTo(descriptor: number, file: string, seals: readonly StoredSeal[]): void {
  const before = fstatSync(descriptor);
  const beginning = before.isFile() && isCutShort(file, before.size) ? '\n' : '';
  try {
    writeFileSync(descriptor, beginning + seals.map(({ jws }) => `${jws}\n`).join(''));
    fsyncSync(descriptor);
    if (before.isFile()) keepName(file);
  } catch (error) {
    // A part of a line, from when the disk was full, would begin the next line.
    if (before.isFile()) ftruncateSync(descriptor, before.size);
    throw error;
  }
}

function openToAppend(file: string): number {
  try {
    return openSync(file, 'a', 0o644);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`SEAL_FILE (${file}) cannot be written: ${code}`);
  }
}

/** Does it end within a line, as after a crash? Then the next line must not go on with it. It may be for writing only. */
export function isCutShort(file: string, size: number): boolean {
  if (size === 0) return false;
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return false;
  }
  try {
    const last = Buffer.alloc(1);
    readSync(descriptor, last, 0, 1, size - 1);
    return last.toString() !== '\n';
  } finally {
    closeSync(descriptor);
  }
}

async function post(url: string, seals: readonly StoredSeal[], signal: AbortSignal): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ seals: seals.map(({ jws }) => jws) }),
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(webhookTimeoutMs)]),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`SEAL_WEBHOOK_URL answered ${response.status}`);
}
