// The real authorization server's metadata and keys, as far as our own document repeats them: given by a setting, or
// fetched from an address in a setting and kept for a day if the server is down.
import type { JWK } from 'jose';
import type { Logger } from 'pino';
import { isObject } from '../domain/values/json-values.ts';
import { FetchFailed, type FetchJson } from './fetch-json.ts';
import { Fetched } from './fetched.ts';
import { demandAsSafe } from './issuer-keys.ts';
import { publicKeysIn } from './verifying-keys.ts';

export type UpstreamMetadata = Readonly<Record<string, unknown>>;

export interface UpstreamParts {
  readonly given: UpstreamMetadata | null;
  readonly url: string | null;
  readonly issuer: string;
  readonly fetchJson: FetchJson;
  readonly now: () => number;
  readonly log: Logger;
}

export class Upstream {
  readonly #parts: UpstreamParts;
  readonly #metadata: Fetched<UpstreamMetadata>;
  #keys: { readonly uri: string; readonly fetched: Fetched<readonly JWK[]> } | undefined;

  constructor(parts: UpstreamParts) {
    const { given, url, now } = parts;
    this.#parts = parts;
    this.#metadata = new Fetched<UpstreamMetadata>({
      what: 'the metadata of the authorization server',
      fetch: async () => given ?? fetchMetadata(parts),
      isGiven: given !== null,
      now,
      onFailure: (problem) =>
        parts.log.warn({ url, problem }, "the authorization server's metadata could not be fetched"),
    });
  }

  /** Rejects with `KeysUnavailable` when it was never fetched, or too long ago. */
  metadata(): Promise<UpstreamMetadata> {
    return this.#metadata.current();
  }

  /** The public keys at its `jwks_uri`, whatever they are for; none when it names none. */
  async keys(): Promise<readonly JWK[]> {
    const { jwks_uri: uri } = await this.metadata();
    if (typeof uri !== 'string') return [];
    if (this.#keys?.uri !== uri) this.#keys = { uri, fetched: this.#keysAt(uri) };
    return this.#keys.fetched.current();
  }

  #keysAt(uri: string): Fetched<readonly JWK[]> {
    const { url, issuer, fetchJson, now, log } = this.#parts;
    return new Fetched<readonly JWK[]>({
      what: `the keys of ${issuer}`,
      fetch: async () => {
        if (url !== null) demandAsSafe(uri, url);
        return publicKeysIn(await fetchJson(uri));
      },
      isGiven: false,
      now,
      onFailure: (problem) =>
        log.warn({ url: uri, problem }, "the authorization server's keys could not be fetched"),
    });
  }
}

const setting = 'AUTHORIZATION_SERVER_METADATA_URL';

async function fetchMetadata({ url, issuer, fetchJson }: UpstreamParts): Promise<UpstreamMetadata> {
  const document = await fetchJson(url ?? '');
  if (!isObject(document) || document.issuer !== issuer)
    throw new FetchFailed(`${setting} answers for another issuer`);
  if (!Array.isArray(document.response_types_supported))
    throw new FetchFailed(`${setting} answers without response types`);
  return document;
}
