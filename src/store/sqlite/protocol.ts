// Messages between the server and its writing thread. A message is a list of requests, which are answered in their
// order; the first reply of all, to no request, says whether the database could be opened. Some requests are not
// answered, so that the next can be sent without waiting: if one fails, the transaction fails, and the next answered
// request in it reports that, at the latest its end.

/** Given to the thread when it is started. */
export interface WriterOpening {
  readonly filename: string;
  readonly pragmas: readonly string[];
}

export type WriterRequest =
  /** Begins a transaction. Not answered. */
  | { readonly kind: 'begin' }
  | { readonly kind: 'run'; readonly sql: string; readonly bindings: readonly unknown[] }
  /**
   * Runs one statement once per row of bindings; `values` holds row after row, `width` values each. Not answered
   * within a transaction.
   */
  | {
      readonly kind: 'run_each';
      readonly sql: string;
      readonly values: readonly unknown[];
      readonly width: number;
      readonly isAnswered: boolean;
    }
  /** An update within a transaction, which fails if no row is changed. Not answered. */
  | { readonly kind: 'update'; readonly sql: string; readonly values: readonly unknown[] }
  /** Ends the transaction. */
  | { readonly kind: 'end'; readonly commits: boolean }
  | { readonly kind: 'close' };

export type WriterReply =
  /** `values` holds row after row: names cross once, not once per row. */
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly values: readonly unknown[] }
  | { readonly kind: 'done'; readonly changes: number; readonly lastInsertRowid: number | bigint }
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly code: string | undefined;
      readonly message: string;
    };
