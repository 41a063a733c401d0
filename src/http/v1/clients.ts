// /v1/clients: who may call. Needs the permission `admin`.
import type { Client } from '../../domain/records/clients.ts';
import { createClient, rotateClientSecret, updateClient } from '../../domain/records/manage-clients.ts';
import type { Store } from '../../domain/store.ts';
import type { AuthMethod } from '../../domain/vocabulary.ts';
import { notOffered } from '../../wire/auth-methods.ts';
import { check } from '../../wire/check.ts';
import {
  clientKind,
  clientToWire,
  newClientBody,
  newSecretToWire,
  patchClient,
  rotateBody,
  secretIsName,
  toNewClient,
} from '../../wire/clients.ts';
import { badParameter, Refusal } from '../../wire/refusal.ts';
import { timeOf } from '../../wire/time.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import type { ClientDirectory } from '../auth/client-directory.ts';
import type { Context } from '../context.ts';
import { originOf } from '../origin.ts';
import { readJson, readJsonIfAny, readPatch } from '../reading/json.ts';
import { respond } from '../respond.ts';
import { handleRecords } from './records.ts';

export interface ClientsParts {
  readonly store: Store;
  readonly auth: ClientAuth;
  readonly clients: ClientDirectory;
  readonly allowHttpKeys: boolean;
  readonly authMethodsOffered: readonly AuthMethod[];
}

export function handleClients({ store, auth, clients, allowHttpKeys, ...parts }: ClientsParts) {
  const forget = (key: string) => clients.forget(key);
  const warn = ({ state: { log, names } }: Context, { clientId, authMethod }: Client): void => {
    if (!parts.authMethodsOffered.includes(authMethod))
      log.warn({ request_id: names.requestId, client: clientId }, `a client ${notOffered}`);
  };
  const records = handleRecords({ store, auth, kind: clientKind, parameter: 'client_id', forget });

  return {
    async createClient(ctx: Context): Promise<void> {
      const caller = await auth.permit(ctx, 'admin');
      const body = check(newClientBody, await readJson(ctx));
      const origin = originOf(ctx, caller.actor);
      const fields = await toNewClient(body, allowHttpKeys);
      const created = await createClient(store, origin, fields, body.client_secret);
      if (created.status === 'client_exists') {
        const { clientId } = fields;
        throw new Refusal('client_exists', 'there is a client with this client_id', { about: { clientId } });
      }
      // The directory may remember that there was no such client.
      await clients.forget(created.client.clientId);
      warn(ctx, created.client);
      records.locate(ctx, created.client);
      respond(ctx, 201, { ...clientToWire(created.client), ...newSecretToWire(created.newSecret) });
    },

    listClients: records.list,
    showClient: records.show,
    disableClient: records.disable,
    enableClient: records.enable,

    /** The body is a merge patch (RFC 7396) of the record. */
    async updateClient(ctx: Context): Promise<void> {
      const { actor } = await auth.permit(ctx, 'admin');
      const clientId = records.keyIn(ctx);
      const patch = await readPatch(ctx);
      const origin = originOf(ctx, actor);
      const updated = await updateClient(store, origin, clientId, async (client) => {
        records.demandConditions(ctx, client);
        return patchClient(client, patch, allowHttpKeys);
      });
      await clients.forget(clientId);
      if (!updated) return records.notFound();
      warn(ctx, updated.client);
      records.setTag(ctx, updated.client);
      respond(ctx, 200, { ...clientToWire(updated.client), ...newSecretToWire(updated.newSecret) });
    },

    async rotateClientSecret(ctx: Context): Promise<void> {
      const caller = await auth.permit(ctx, 'admin');
      const clientId = records.keyIn(ctx);
      const body = check(rotateBody, await readJsonIfAny(ctx));
      const origin = originOf(ctx, caller.actor);
      const rotated = await rotateClientSecret(
        store,
        origin,
        clientId,
        body.overlap_seconds * 1000,
        body.client_secret,
      );
      await clients.forget(clientId);
      switch (rotated.status) {
        case 'rotated':
          return respond(ctx, 200, {
            client_id: clientId,
            ...newSecretToWire(rotated.newSecret),
            previous_expires_at: timeOf(rotated.previousExpireAt),
          });
        case 'not_found':
          return records.notFound();
        case 'has_no_secret':
          throw badParameter('client_id', 'names a client that has no secret', { about: { clientId } });
        case 'secret_is_name':
          throw secretIsName(clientId);
        default:
          rotated satisfies never;
      }
    },
  };
}
