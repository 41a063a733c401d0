// Helpers of the tests of sealing and verifying: a trail of known events, sealed with a key of its own.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { storedEvents, storedSeals } from '../../src/cli/read-trail.ts';
import { eventOf, type NewEvent, systemOrigin } from '../../src/domain/audit.ts';
import type { Store } from '../../src/domain/store.ts';
import { sealEvents } from '../../src/domain/trail/seal-events.ts';
import { sealReader } from '../../src/domain/trail/seals.ts';
import { type TrailReport, verifyTrail } from '../../src/domain/trail/verify-trail.ts';
import type { StoredSeal } from '../../src/domain/upkeep-store.ts';
import { SealKeys } from '../../src/upkeep/seal-keys.ts';
import { folderOf } from './folders.ts';

export const issuer = 'https://tokens.example';

export async function newKeys(t: ExecutionContext): Promise<SealKeys> {
  const folder = folderOf(t);
  const keys = new SealKeys(join(folder, 'keys.json'));
  await keys.rotate();
  return keys;
}

function logoutOf(n: number): NewEvent {
  const actor = { kind: 'user', id: `user-${n}` } as const;
  const origin = {
    ...systemOrigin,
    actor,
    channel: 'logout',
    ip: `192.0.2.${n % 250}`,
    userAgent: 'UA/1',
  } as const;
  return eventOf(origin, 'logout', {
    userId: `user-${n}`,
    clientId: 'app',
    sessionId: `session-${n}`,
    reason: 'user_logout',
    reasonText: `text ${n}`,
    metadata: { scope: 'current', n },
  });
}

export async function appendLogouts(store: Store, count: number, from = 1): Promise<void> {
  const events = Array.from({ length: count }, (_, n) => logoutOf(from + n));
  await store.write(() => ({ outcome: undefined, effects: { events } }));
}

/** Seals what is unsealed; resolves to the new seals. */
export async function seal(store: Store, keys: SealKeys): Promise<StoredSeal[]> {
  const before = (await store.upkeep.findLastSeal())?.number ?? 0;
  await sealEvents(store, { issuer, key: keys.signingKey(), now: Date.now });
  return store.upkeep.listSeals(before, 1000);
}

/** Verifies the database, against seals kept elsewhere if there are any. */
export async function verify(
  store: Store,
  keys: SealKeys,
  kept: readonly string[] = [],
): Promise<TrailReport> {
  return verifyTrail({
    events: storedEvents(store),
    seals: await storedSeals(store),
    kept,
    readSeal: sealReader(keys.publicKeys()),
    head: () => store.findEventHead(),
  });
}
