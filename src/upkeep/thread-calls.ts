// What the server and its upkeep thread say to each other. Each call has a channel of its own: the server asks
// on it for one answer after another. Closing it ends the call; when the thread dies it closes as well.
import type { MessagePort } from 'node:worker_threads';
import type { ExportTrail } from '../domain/trail/export-trail.ts';
import type { SealConfig } from './trail-work.ts';

/** What the thread is started with: plain values, and no key among them. */
export type ThreadSettings = SealConfig & { readonly databaseUrl: string };

export type ThreadCall =
  | { readonly kind: 'seal' }
  | { readonly kind: 'export'; readonly of: Parameters<ExportTrail> };

export type ThreadMessage =
  | { readonly kind: 'call'; readonly call: ThreadCall; readonly port: MessagePort }
  | { readonly kind: 'stop' };

export type ThreadAnswer =
  | { readonly kind: 'page'; readonly page: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'done' }
  /** A sentence for the log. */
  | { readonly kind: 'failed'; readonly problem: string };
