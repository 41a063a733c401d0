// /v1/issuers: whose JWTs are trusted. Needs the permission `admin`.
import { addIssuer, markKeysStale, updateIssuer } from '../../domain/records/manage-issuers.ts';
import type { Store } from '../../domain/store.ts';
import type { IssuerDirectory } from '../../jwt/issuer-directory.ts';
import type { KeyRing } from '../../jwt/key-ring.ts';
import { keyToWire, namedInRecord } from '../../jwt/verifying-keys.ts';
import { check } from '../../wire/check.ts';
import {
  issuerKind,
  issuerToWire,
  newIssuerBody,
  patchIssuer,
  toNewIssuer,
  wouldRevive,
} from '../../wire/issuers.ts';
import { Refusal } from '../../wire/refusal.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import type { Context } from '../context.ts';
import { originOf } from '../origin.ts';
import { demandNoMembers, readJson, readPatch } from '../reading/json.ts';
import { respond } from '../respond.ts';
import { handleRecords } from './records.ts';

export interface IssuersParts {
  readonly store: Store;
  readonly auth: ClientAuth;
  readonly issuers: IssuerDirectory;
  readonly issuerKeyRing: KeyRing;
  readonly allowHttpKeys: boolean;
}

export function handleIssuers({ store, auth, issuers, issuerKeyRing, allowHttpKeys }: IssuersParts) {
  const forget = (key: string) => issuers.forget(key);
  const records = handleRecords({ store, auth, kind: issuerKind, parameter: 'issuer', forget });

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
      records.locate(ctx, added.issuer);
      respond(ctx, 201, issuerToWire(added.issuer));
    },

    listIssuers: records.list,
    showIssuer: records.show,
    disableIssuer: records.disable,
    enableIssuer: records.enable,

    /** The body is a merge patch (RFC 7396) of the record. */
    async updateIssuer(ctx: Context): Promise<void> {
      const { actor } = await auth.permit(ctx, 'admin');
      const name = records.keyIn(ctx);
      const patch = await readPatch(ctx);
      const origin = originOf(ctx, actor);
      const updated = await updateIssuer(store, origin, name, async (issuer) => {
        records.demandConditions(ctx, issuer);
        return patchIssuer(issuer, patch, allowHttpKeys);
      });
      await issuers.forget(name);
      if (!updated) return records.notFound();
      switch (updated.status) {
        case 'updated':
          records.setTag(ctx, updated.issuer);
          return respond(ctx, 200, issuerToWire(updated.issuer));
        case 'would_revive':
          throw wouldRevive(updated.member, name);
        default:
          updated satisfies never;
      }
    },

    /** 200 with the keys now in force; 503 when they cannot be fetched, or the last attempt is under 10 seconds ago. */
    async refreshIssuerKeys(ctx: Context): Promise<void> {
      const { actor } = await auth.permit(ctx, 'admin');
      await demandNoMembers(ctx);
      const issuer = await markKeysStale(store, originOf(ctx, actor), records.keyIn(ctx));
      if (!issuer) return records.notFound();
      await issuers.forget(issuer.issuer);
      const keys = await issuerKeyRing.fresh(issuer);
      respond(ctx, 200, { issuer: issuer.issuer, keys: keys.map(keyToWire) });
    },
  };
}
