// Messages between the first process of a server and its workers. Workers get their settings this way, not by
// arguments or environment, so that one started later has exactly the same settings as all others.
import type { Config } from '../config.ts';
import type { Counts } from '../http/ops/metrics.ts';

export type ToWorker =
  | { readonly kind: 'start'; readonly config: Config }
  /** Tells the worker to take no new connections; it answers `refuses`. */
  | { readonly kind: 'refuse' }
  | { readonly kind: 'stop' }
  /** Asks the worker for its counts. */
  | { readonly kind: 'count'; readonly id: number }
  /** Answers the worker's `collect`. */
  | { readonly kind: 'collected'; readonly id: number; readonly others: readonly Counts[] };

export type ToFirst =
  /** The worker listens to messages now; any sent before may be lost. */
  | { readonly kind: 'ready' }
  | Listening
  /** The worker cannot start, and waits to be ended, so that `text`, for the operator, is surely received. */
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'refuses' }
  | { readonly kind: 'counted'; readonly id: number; readonly counts: Counts }
  /** Asks for the counts of the other workers. */
  | { readonly kind: 'collect'; readonly id: number; readonly own: Counts };

export interface Listening {
  readonly kind: 'listening';
  readonly url: string;
  readonly adminUrl: string;
}
