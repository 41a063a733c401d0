// What the first process of a server and its workers say to each other. Workers are given their settings so,
// not by arguments or environment: also one that is started later has the very same ones as all others.
import type { Config } from '../config.ts';
import type { Counts } from '../http/ops/metrics.ts';

export type ToWorker =
  | { readonly kind: 'start'; readonly config: Config }
  | { readonly kind: 'stop' }
  /** Asks what it has counted. */
  | { readonly kind: 'count'; readonly id: number }
  /** Answers its `collect`. */
  | { readonly kind: 'collected'; readonly id: number; readonly others: readonly Counts[] };

export type ToFirst =
  /** It hears now: what was sent to it before may be lost. */
  | { readonly kind: 'ready' }
  | Listening
  /** It cannot start, and waits for its end: the text, for the operator, is surely heard before that. */
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'counted'; readonly id: number; readonly counts: Counts }
  /** Asks what the others have counted. */
  | { readonly kind: 'collect'; readonly id: number; readonly own: Counts };

export interface Listening {
  readonly kind: 'listening';
  readonly url: string;
  readonly adminUrl: string;
}
