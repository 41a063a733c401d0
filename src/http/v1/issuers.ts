// /v1/issuers: whose JWTs are trusted. Needs the permission `admin`.
import type { Origin } from '../../domain/audit.ts';
import type { Issuer } from '../../domain/records/issuers.ts';
import { addIssuer, markKeysStale, switchIssuer, updateIssuer } from '../../domain/records/manage-issuers.ts';
import type { Store } from '../../domain/store.ts';
import type { IssuerDirectory } from '../../jwt/issuer-directory.ts';
import type { KeyRing } from '../../jwt/key-ring.ts';
import { keyToWire, namedInRecord } from '../../jwt/verifying-keys.ts';
import { check } from '../../wire/check.ts';
import { issuerToWire, newIssuerBody, patchIssuer, toNewIssuer, wouldRevive } from '../../wire/issuers.ts';
import { Refusal } from '../../wire/refusal.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import type { Context } from '../context.ts';
import { readJson } from '../json.ts';
import { badCursor, readCursor, readLimit, readQuery, respondPage } from '../query.ts';
import { respond } from '../respond.ts';
import { originOf } from '../secrecy.ts';

export interface IssuersParts {
  readonly store: Store;
  readonly auth: ClientAuth;
  readonly issuers: IssuerDirectory;
  readonly keyRing: KeyRing;
  readonly allowHttpKeys: boolean;
}

export function handleIssuers({ store, auth, issuers, keyRing, allowHttpKeys }: IssuersParts) {
  const admin = async (ctx: Context): Promise<Origin> => {
    const caller = await auth.permit(ctx, 'admin');
    return originOf(ctx, caller.actor);
  };

  return {
    async addIssuer(ctx: Context): Promise<void> {
      const { actor } = await auth.permit(ctx, 'admin');
      const fields = await toNewIssuer(check(newIssuerBody, await readJson(ctx)), allowHttpKeys);
      const origin = originOf(ctx, actor);
      const added = await addIssuer(store, origin, fields, await namedInRecord(fields));
      if (added.status === 'issuer_exists') {
        const about = { metadata: { issuer: fields.issuer } };
        throw new Refusal('issuer_exists', 'the issuer is on record', { about });
      }
      await issuers.forget(fields.issuer);
      respond(ctx, 201, issuerToWire(added.issuer));
    },

    async listIssuers(ctx: Context): Promise<void> {
      await admin(ctx);
      const query = readQuery(ctx, ['limit', 'cursor']);
      const limit = readLimit(query);
      const [after, list] = readCursor(query) ?? ['', 'issuers'];
      if (typeof after !== 'string' || after.includes('\0') || list !== 'issuers') throw badCursor();
      const found = await store.listIssuers(after, limit + 1);
      respondPage(ctx, found, limit, ({ issuer }) => [issuer, 'issuers'], issuerToWire);
    },

    async showIssuer(ctx: Context): Promise<void> {
      await admin(ctx);
      readQuery(ctx, []);
      const name = issuerOf(ctx);
      const issuer = await store.ask((facts) => facts.issuer(name));
      respond(ctx, 200, issuerToWire(issuer ?? notFound()));
    },

    /** The body is a merge patch (RFC 7396) of the record. */
    async updateIssuer(ctx: Context): Promise<void> {
      const { actor } = await auth.permit(ctx, 'admin');
      const name = issuerOf(ctx);
      const patch = await readJson(ctx);
      const origin = originOf(ctx, actor);
      const updated = await updateIssuer(store, origin, name, (issuer) =>
        patchIssuer(issuer, patch, allowHttpKeys),
      );
      await issuers.forget(name);
      switch (updated.status) {
        case 'updated':
          return respond(ctx, 200, issuerToWire(updated.issuer));
        case 'would_revive':
          throw wouldRevive(updated.member, name);
        case 'not_found':
          return notFound();
        default:
          updated satisfies never;
      }
    },

    /** 200 with the keys now in force; 503 when they cannot be fetched, or the last attempt is under 10 seconds ago. */
    async refreshIssuerKeys(ctx: Context): Promise<void> {
      const origin = await admin(ctx);
      const marked = await markKeysStale(store, origin, issuerOf(ctx));
      if (marked.status === 'not_found') return notFound();
      await issuers.forget(marked.issuer.issuer);
      const keys = await keyRing.fresh(marked.issuer);
      respond(ctx, 200, { issuer: marked.issuer.issuer, keys: keys.map(keyToWire) });
    },

    disableIssuer: (ctx: Context) => setEnabled(ctx, false),
    enableIssuer: (ctx: Context) => setEnabled(ctx, true),
  };

  async function setEnabled(ctx: Context, enabled: boolean): Promise<void> {
    const origin = await admin(ctx);
    const name = issuerOf(ctx);
    const switched = await switchIssuer(store, origin, name, enabled);
    await issuers.forget(name);
    const issuer: Issuer = switched.status === 'not_found' ? notFound() : switched.issuer;
    respond(ctx, 200, issuerToWire(issuer));
  }
}

function issuerOf(ctx: Context): string {
  const { issuer = '' } = ctx.params as { issuer?: string };
  return /\p{Cc}/u.test(issuer) ? notFound() : issuer;
}

function notFound(): never {
  throw new Refusal('not_found', 'there is no such issuer');
}
