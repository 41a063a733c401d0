// Where the keys of one issuer (or client) come from; fetched.ts says when they are fetched.
import type { KeySource } from '../domain/records/issuers.ts';
import { FetchFailed, type FetchJson } from './fetch-json.ts';
import { Fetched } from './fetched.ts';
import { readKeySet, type VerifyingKey } from './verifying-keys.ts';

export interface IssuerKeysParts {
  readonly fetchJson: FetchJson;
  readonly now: () => number;
  /** Told of each fetch that failed, with words for the operator. */
  readonly onFailure: (issuer: string, problem: string) => void;
  /** Told of each set that was fetched, before any of its keys counts. */
  readonly onKeys: (issuer: string, keys: readonly VerifyingKey[]) => Promise<void>;
}

export type IssuerKeys = Fetched<readonly VerifyingKey[]>;

export function issuerKeysOf(name: string, source: KeySource, parts: IssuerKeysParts): IssuerKeys {
  const { fetchJson, now, onFailure, onKeys } = parts;
  return new Fetched<readonly VerifyingKey[]>({
    what: `the keys of ${name}`,
    fetch: async () => {
      const keys = await readKeys(name, source, fetchJson);
      await onKeys(name, keys);
      return keys;
    },
    isGiven: source.kind === 'jwks',
    now,
    onFailure: (problem) => onFailure(name, problem),
  });
}

async function readKeys(name: string, source: KeySource, fetchJson: FetchJson): Promise<VerifyingKey[]> {
  switch (source.kind) {
    case 'jwks':
      return readKeySet({ keys: source.keys });
    case 'jwks_uri':
      return fetchKeys(source.uri, fetchJson);
    case 'discovery':
      return fetchKeys(await discover(name, fetchJson), fetchJson);
    default:
      return source satisfies never;
  }
}

async function fetchKeys(uri: string, fetchJson: FetchJson): Promise<VerifyingKey[]> {
  const keys = await readKeySet(await fetchJson(uri));
  if (keys.length === 0) throw new FetchFailed('the key set holds no key that can verify');
  return keys;
}

/** OpenID Connect Discovery §4, then RFC 8414 §3: the document must be about this very issuer. */
async function discover(name: string, fetchJson: FetchJson): Promise<string> {
  let failure: unknown;
  for (const url of discoveryUrls(name)) {
    try {
      const document = (await fetchJson(url)) as Record<string, unknown> | null;
      if (document?.issuer !== name) throw new FetchFailed('the metadata is about another issuer');
      const uri = document.jwks_uri;
      if (typeof uri !== 'string' || !URL.canParse(uri))
        throw new FetchFailed('the metadata has no jwks_uri');
      demandAsSafe(uri, url);
      return uri;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** Metadata that came over https from `url` may name keys that come over https only. Throws `FetchFailed`. */
export function demandAsSafe(jwksUri: string, url: string): void {
  const isSafe = jwksUri.startsWith('https:') || (jwksUri.startsWith('http:') && url.startsWith('http:'));
  if (!isSafe) throw new FetchFailed('the jwks_uri of the metadata is not https');
}

function discoveryUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}
