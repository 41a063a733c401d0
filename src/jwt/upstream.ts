// The real authorization server's metadata and keys, as far as our own document repeats them: given by a
// setting, or fetched from where a setting says and kept for a day should the server be down.

import type { JWK } from 'jose';
import type { Logger } from 'pino';
import { isObject } from '../domain/jwt-shape.ts';
import { KeysUnavailable } from '../domain/known-token.ts';
import type { FetchJson } from './fetch-json.ts';
import { KeySource } from './key-source.ts';

export type UpstreamMetadata = Readonly<Record<string, unknown>>;

export interface UpstreamParts {
  readonly given: UpstreamMetadata | null;
  readonly url: string | null;
  readonly issuer: string;
  readonly fetchJson: FetchJson;
  readonly now: () => number;
  readonly log: Logger;
}

const freshMs = 300_000;
const lastingMs = 86_400_000;
const coolDownMs = 10_000;

export class Upstream {
  readonly #parts: UpstreamParts;
  #fetched: { readonly document: UpstreamMetadata; readonly at: number } | undefined;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | undefined;
  #keySource: { readonly uri: string; readonly source: KeySource } | undefined;

  constructor(parts: UpstreamParts) {
    this.#parts = parts;
  }

  /** Rejects with `KeysUnavailable` when it was never fetched, or too long ago. */
  async metadata(): Promise<UpstreamMetadata> {
    const { given, now } = this.#parts;
    if (given) return given;
    if (!this.#fetched || now() - this.#fetched.at > freshMs) await this.#load();
    if (!this.#fetched || now() - this.#fetched.at > lastingMs)
      throw new KeysUnavailable('the metadata of the authorization server cannot be had', coolDownMs / 1000);
    return this.#fetched.document;
  }

  /** The public keys that its `jwks_uri` holds; none when it names none. */
  async keys(): Promise<JWK[]> {
    const { jwks_uri: uri } = await this.metadata();
    if (typeof uri !== 'string') return [];
    if (this.#keySource?.uri !== uri) {
      const { issuer, fetchJson, now, log } = this.#parts;
      const onFailure = (_issuer: string, problem: string) =>
        log.warn({ issuer, problem }, "the authorization server's keys could not be fetched");
      const source = new KeySource(
        issuer,
        { kind: 'jwks_uri', uri },
        { fetchJson, now, onFailure, onKeys() {} },
      );
      this.#keySource = { uri, source };
    }
    return (await this.#keySource.source.current(0)).map(({ jwk }) => jwk);
  }

  #load(): Promise<void> {
    if (this.#loading) return this.#loading;
    const { fetchJson, url, issuer, now, log } = this.#parts;
    if (url === null || now() - this.#attemptedAt < coolDownMs) return Promise.resolve();
    this.#attemptedAt = now();
    this.#loading = fetchJson(url)
      .then((document) => {
        const isWhole = isObject(document) && Array.isArray(document.response_types_supported);
        if (isWhole && document.issuer === issuer) this.#fetched = { document, at: now() };
        else
          log.warn(
            { issuer },
            'AUTHORIZATION_SERVER_METADATA_URL answers for another issuer, or without response types',
          );
      })
      .catch((error: Error) =>
        log.warn(
          { issuer, problem: error.message },
          "the authorization server's metadata could not be fetched",
        ),
      )
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }
}
