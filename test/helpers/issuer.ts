// An issuer of JWTs for tests: it signs with keys of its own, publishes them over HTTP as they are now, and
// can be told to fail in the ways that issuers do.
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { systemOrigin } from '../../src/domain/audit.ts';
import { addIssuer, type NewIssuer } from '../../src/domain/records/manage-issuers.ts';
import { namedInRecord } from '../../src/jwt/verifying-keys.ts';
import { newIssuerBody, toNewIssuer } from '../../src/wire/issuers.ts';
import { api, type TestApp } from './app.ts';

export interface SigningKey {
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export type Answer = 'keys' | 'error' | 'html' | 'redirect' | 'endless' | 'silence';

export async function newKey(alg = 'ES256', kid?: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return {
    alg,
    privateKey,
    jwk: { ...(await exportJWK(publicKey)), alg, ...(kid !== undefined && { kid }) },
  };
}

export class TestIssuer {
  readonly name: string;
  readonly app: TestApp;
  /** What it publishes. */
  readonly published: JWK[] = [];
  key: SigningKey;
  answer: Answer = 'keys';
  /** How often its keys were fetched. */
  fetches = 0;
  readonly #server: Server | undefined;

  private constructor(app: TestApp, name: string, key: SigningKey, server?: Server) {
    this.app = app;
    this.name = name;
    this.key = key;
    this.published.push(key.jwk);
    this.#server = server;
  }

  /** Not trusted before `trust`. */
  static async unknown(app: TestApp, name: string, alg = 'ES256'): Promise<TestIssuer> {
    return new TestIssuer(app, name, await newKey(alg, 'k1'));
  }

  /** Trusted by keys given inline. */
  static async inline(
    app: TestApp,
    fields: Record<string, unknown> = {},
    alg = 'ES256',
  ): Promise<TestIssuer> {
    const issuer = await TestIssuer.unknown(app, String(fields.issuer ?? 'https://id.example'), alg);
    await issuer.trust(fields);
    return issuer;
  }

  /** Trusted by its current key, given inline. */
  async trust(fields: Record<string, unknown> = {}): Promise<void> {
    await this.#trust({ jwks: { keys: [this.key.jwk] }, ...fields });
  }

  /** Trusted by keys that are fetched, through its metadata unless `jwks_uri` is asked for. */
  static async fetched(
    app: TestApp,
    way: 'discovery' | 'jwks_uri' = 'discovery',
    fields: Record<string, unknown> = {},
  ): Promise<TestIssuer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const issuer = new TestIssuer(app, url, await newKey('ES256', 'k1'), server);
    server.on('request', ({ url: path }, response) => issuer.#serve(path, response));
    await issuer.#trust({
      ...(way === 'discovery' ? { discovery: true } : { jwks_uri: `${url}/jwks` }),
      ...fields,
    });
    return issuer;
  }

  /** A JWT of this issuer, live for an hour; claims given as undefined are left out. */
  async sign(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
    return this.signAs(claims, header, this.key);
  }

  async signAs(claims: Record<string, unknown>, header: Record<string, unknown>, key: SigningKey) {
    const { seconds } = this.app;
    const payload = { iss: this.name, sub: 'u1', aud: api, iat: seconds, exp: seconds + 3600, ...claims };
    const { kid } = key.jwk;
    const token = await new SignJWT(JSON.parse(JSON.stringify(payload)) as JWTPayload)
      .setProtectedHeader({ alg: key.alg, ...(kid !== undefined && { kid }), ...header })
      .sign(key.privateKey);
    return this.app.secret(token);
  }

  /** Signs with a new key from now on; publishes it unless told otherwise. */
  async rotate(kid: string, { publish = true } = {}): Promise<void> {
    this.key = await newKey(this.key.alg, kid);
    if (publish) this.published.push(this.key.jwk);
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)));
  }

  #serve(path: string | undefined, response: ServerResponse): unknown {
    const send = (body: unknown) => response.end(JSON.stringify(body));
    if (path === '/.well-known/openid-configuration')
      return send({ issuer: this.name, jwks_uri: `${this.name}/jwks` });
    if (path === '/stolen') return send({ keys: this.published });
    this.fetches += 1;
    switch (this.answer) {
      case 'keys':
        return send({ keys: this.published });
      case 'error':
        response.statusCode = 500;
        return send({ keys: this.published });
      case 'html':
        return response.end('<html>sign in</html>');
      case 'redirect':
        return response.writeHead(302, { location: `${this.name}/stolen` }).end();
      case 'endless':
        return endless(response);
      case 'silence':
        return undefined;
      default:
        return this.answer satisfies never;
    }
  }

  async #trust(fields: Record<string, unknown>): Promise<void> {
    const body = newIssuerBody.parse({ issuer: this.name, ...fields });
    const record: NewIssuer = await toNewIssuer(body, true);
    await addIssuer(this.app.store, systemOrigin, record, await namedInRecord(record));
  }
}

async function endless(response: ServerResponse): Promise<void> {
  const chunk = Buffer.alloc(65_536, ' ');
  const closed = once(response, 'close');
  while (!response.destroyed) {
    if (!response.write(chunk)) await Promise.race([once(response, 'drain'), closed]);
  }
}

/** The same token with its signature written in another way: spare bits of its last base64url digit. */
export function reencodeSignature(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(token.at(-1) as string);
  return token.slice(0, -1) + alphabet[last ^ 1];
}

/** The claims of a token under a signature that is not its own. */
export function forge(token: string): string {
  const [header, payload, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes[0] = (bytes[0] as number) ^ 0xff;
  return `${header}.${payload}.${bytes.toString('base64url')}`;
}
