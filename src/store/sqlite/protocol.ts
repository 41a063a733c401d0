// What the server and its writing thread say to each other. Requests are answered in their order, one reply
// each; the first reply of all, to no request, says whether the database could be opened.

/** Given to the thread when it is started. */
export interface Opening {
  readonly filename: string;
  readonly pragmas: readonly string[];
}

export type Request =
  | { readonly kind: 'run'; readonly sql: string; readonly bindings: readonly unknown[] }
  /**
   * Runs one statement once per row of bindings; `values` holds row after row, `width` values each. What it
   * finds comes back together.
   */
  | {
      readonly kind: 'run_each';
      readonly sql: string;
      readonly values: readonly unknown[];
      readonly width: number;
    }
  | { readonly kind: 'close' };

export type Reply =
  /** `values` holds row after row: names cross once, not once per row. */
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly values: readonly unknown[] }
  | { readonly kind: 'done'; readonly changes: number; readonly lastInsertRowid: number | bigint }
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly code: string | undefined;
      readonly message: string;
    };
