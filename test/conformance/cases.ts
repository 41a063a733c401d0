// The shape of cases.json: black-box cases for /revoke, /introspect and the metadata, taken from the
// standards, each as data.
import { readPackageFile } from '../../src/package-root.ts';

export interface Case {
  readonly id: string;
  readonly level: string;
  /** The clause it comes from. */
  readonly ref: string;
  readonly title: string;
  readonly request: CaseRequest;
  readonly expect: Expected;
  readonly after: readonly Aftermath[];
}

export interface CaseRequest {
  readonly method: string;
  readonly path: string;
  /** `basic:X`, `basic-bad:X`, `post:X`, `none`, `none:X`, `jwt:X`, `bearer:T`, `raw:` a literal header. */
  readonly auth: string;
  readonly contentType?: string;
  readonly form?: Readonly<Record<string, string>>;
  /** A body as it stands, instead of `form`. */
  readonly raw?: string;
  /** Authorization headers, each to be tried, for `auth: "raw:each"`. */
  readonly rawAuth?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly repeat?: number;
  readonly parallel?: number;
}

export interface Expected {
  readonly status: readonly number[];
  /** `~x` contains x, `*` any value, `ifStatus401` present on 401. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: Readonly<Record<string, unknown>>;
  readonly json200?: Readonly<Record<string, unknown>>;
  readonly json400?: Readonly<Record<string, unknown>>;
  readonly jsonExact?: unknown;
  /** Status, body and header names equal to the answer of that case. */
  readonly sameAs?: string;
  readonly descriptionCharset?: string;
  readonly types?: boolean;
  readonly noNulls?: boolean;
}

type Aftermath =
  | { readonly introspect: string; readonly as: string; readonly active: boolean }
  | { readonly audit: string; readonly count: number };

export const cases = JSON.parse(readPackageFile('test/conformance/cases.json')) as readonly Case[];

export function findCase(id: string): Case {
  const found = cases.find((one) => one.id === id);
  if (!found) throw new Error(`cases.json has no case ${id}`);
  return found;
}
