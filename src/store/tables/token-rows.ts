// Rows of `tokens`: from a token to its row and back. Texts that many rows share are kept in memory once.
import { LRUCache } from 'lru-cache';
import type { Digest, RegisteredToken, TokenUse } from '../../domain/claims.ts';

export interface TokenRow {
  id?: number;
  digest: Buffer | Digest;
  /** What the rules call `targetDigest`. */
  token_digest: Buffer | Digest | null;
  token_use: TokenUse;
  issuer: string;
  client_id: string | null;
  subject: string | null;
  grant_id: string | null;
  session_id: string | null;
  jti: string | null;
  issued_at: number;
  expires_at: number;
  not_before: number | null;
  audience: string;
  members: string;
  registrar: string;
  registered_at: number;
  replaces_digest: Buffer | null;
  purge_after: number | null;
}

export function tokenToRow(token: RegisteredToken): TokenRow {
  return {
    digest: Buffer.from(token.digest, 'hex'),
    token_digest: Buffer.from(token.targetDigest, 'hex'),
    token_use: token.tokenUse,
    issuer: token.issuer,
    client_id: token.clientId,
    subject: token.subject,
    grant_id: token.grantId,
    session_id: token.sessionId,
    jti: token.jti,
    issued_at: token.issuedAt,
    expires_at: token.expiresAt,
    not_before: token.notBefore,
    audience: JSON.stringify(token.audience),
    members: JSON.stringify(token.members),
    registrar: token.registrar,
    registered_at: token.registeredAt,
    replaces_digest: token.replacesDigest === null ? null : Buffer.from(token.replacesDigest, 'hex'),
    purge_after: token.purgeAfter ?? null,
  };
}

export function rowToToken(row: TokenRow): RegisteredToken {
  const [digest, targetDigest] = [toDigest(row.digest), row.token_digest && toDigest(row.token_digest)];
  return {
    digest,
    // One string object where both are equal; the column is then read as null or empty.
    targetDigest: targetDigest && targetDigest !== digest ? targetDigest : digest,
    tokenUse: row.token_use,
    issuer: shared(row.issuer),
    clientId: row.client_id && shared(row.client_id),
    subject: row.subject,
    grantId: row.grant_id,
    sessionId: row.session_id,
    jti: row.jti,
    keyThumbprint: null,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    notBefore: row.not_before,
    audience: sharedList(row.audience),
    members: membersOf(row.members),
    registrar: shared(row.registrar),
    registeredAt: row.registered_at,
    replacesDigest: row.replaces_digest?.toString('hex') ?? null,
  };
}

function toDigest(bytes: Buffer | Digest): Digest {
  return typeof bytes === 'string' ? bytes : bytes.toString('hex');
}

const sharedMax = 1_000;
const texts = new LRUCache<string, string>({ max: sharedMax });
const lists = new LRUCache<string, readonly string[]>({ max: sharedMax });

/** One string object for each text, as few issuers and clients occur in the rows of many tokens. */
function shared(text: string): string {
  const known = texts.get(text);
  if (known === undefined) texts.set(text, text);
  return known ?? text;
}

function sharedList(json: string): readonly string[] {
  const known = lists.get(json);
  if (known) return known;
  const list: readonly string[] = JSON.parse(json);
  lists.set(json, list);
  return list;
}

/** Of the members, only these have values that many tokens share. */
function membersOf(json: string): RegisteredToken['members'] {
  const members = JSON.parse(json);
  if (typeof members.scope === 'string') members.scope = shared(members.scope);
  if (typeof members.aud === 'string') members.aud = shared(members.aud);
  return members;
}
