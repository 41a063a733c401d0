// Property: purging changes no verdict, whatever was registered, signed, revoked and logged out before, and in
// whatever order.
import { createHash } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { purgeNow, trustForOneClient } from '../../helpers/purging.ts';

const day = 24 * 3600;

const life = fc.constantFrom(1, 30, 400);
/** A step of a history: what is handed out or revoked, and how far the clock moves. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('register' as const),
      user: fc.nat(1),
      life,
      session: fc.nat(1),
      refresh: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('sign' as const),
      user: fc.nat(1),
      life: fc.option(fc.constantFrom(1, 30, 400, 700), { nil: undefined }),
      session: fc.option(fc.nat(1), { nil: undefined }),
      refresh: fc.boolean(),
      dated: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('complete' as const), which: fc.nat(20), session: fc.nat(1) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('revoke' as const), which: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('logout' as const),
      which: fc.nat(20),
      scope: fc.constantFrom('current', 'others', 'all'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      of: fc.constantFrom('subject', 'session'),
      signed: fc.boolean(),
      user: fc.nat(1),
      session: fc.nat(1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      days: fc.constantFrom(0.02, 1, 8, 100, 401),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('purge' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const base64urlOf = (text: string) => createHash('sha256').update(text).digest('base64url');

/** Carries out histories, each with users and sessions of its own. */
async function historian(app: TestApp, reuses_ids: boolean) {
  const { client, issuer, end } = await trustForOneClient(app, { reuses_ids });
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  /** What was signed, by the token. */
  const signed = new Map<string, { readonly sub: string; readonly token_use: string }>();
  let round = 0;
  const carryOut = async (next: Step, tokens: string[]): Promise<void> => {
    const user = 'user' in next ? `u${round}-${next.user}` : '';
    const session = 'session' in next && next.session !== undefined ? `${user}-${next.session}` : undefined;
    const registered = `registered-${session}`;
    const token = 'which' in next ? tokens[next.which % Math.max(1, tokens.length)] : undefined;
    switch (next.kind) {
      case 'register': {
        const token_use = next.refresh ? 'refresh_token' : 'access_token';
        const names = { client_id: client.client_id, sub: user, session_id: registered, token_use };
        tokens.push(await app.register({ ...names, exp: app.seconds + next.life * day }));
        return;
      }
      case 'sign': {
        const exp = next.life && app.seconds + next.life * day;
        const iat = next.dated || exp === undefined ? app.seconds : undefined;
        const token_use = next.refresh ? 'refresh_token' : 'access_token';
        const jti = `${user}-${tokens.length}`;
        const made = await issuer.sign({ sub: user, sid: session, iat, exp, token_use, jti });
        tokens.push(made);
        signed.set(made, { sub: user, token_use });
        return;
      }
      case 'complete': {
        const names = token === undefined ? undefined : signed.get(token);
        if (token === undefined || names === undefined) return;
        const { token: _, ...said } = app.registration({ client_id: client.client_id, ...names });
        const digests = {
          token_digest: base64urlOf(token),
          signing_input_digest: base64urlOf(token.slice(0, token.lastIndexOf('.'))),
        };
        const session_id = `${names.sub}-${next.session}`;
        await app.json('/v1/tokens', { ...said, ...digests, iss: issuer.name, session_id }, registrar);
        return;
      }
      case 'revoke':
        if (token !== undefined) await app.form('/revoke', { token }, client);
        return;
      case 'logout':
        if (token !== undefined) await app.json('/logout', { scope: next.scope }, `Bearer ${token}`);
        return;
      case 'end': {
        const target =
          next.of === 'subject' ? { sub: user } : { session_id: next.signed ? session : registered };
        const of = next.signed ? {} : { issuer: app.policy.publicUrl };
        await end({ kind: next.of, ...target, ...of });
        return;
      }
      case 'wait':
        app.advance(next.days * day);
        return;
      case 'purge':
        await purgeNow(app);
        return;
      default:
        next satisfies never;
    }
  };
  return {
    async tell(t: ExecutionContext, steps: readonly Step[]) {
      round += 1;
      const tokens: string[] = [];
      /** Those that were said to be revoked, whatever came later. */
      const dead = new Set<string>();
      const verdicts = () => Promise.all(tokens.map((token) => app.isActive(token)));
      for (const next of steps) {
        await carryOut(next, tokens);
        for (const token of tokens) {
          if (dead.has(token)) continue;
          const { body } = await app.json('/v1/tokens/explain', { token }, client);
          if (body.cause === 'revoked' || body.cause === 'superseded') dead.add(token);
        }
      }
      const before = await verdicts();
      await purgeNow(app);
      t.deepEqual(await verdicts(), before);
      return { tokens, dead, active: tokens.filter((_, n) => before[n]) };
    },
  };
}

for (const [which, reusesIds] of [
  ['is of one login', false],
  ['comes back', true],
] as const)
  testEachDatabase(
    `purging changes no verdict, and raising the lifetime brings nobody back, where a session ${which}`,
    async (t, app) => {
      const { tell } = await historian(app, reusesIds);
      const [died, lived]: [Set<string>, string[]] = [new Set(), []];
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 20 }), async (steps) => {
          const { dead, active } = await tell(t, steps);
          t.deepEqual(
            active.filter((token) => dead.has(token)),
            [],
          );
          for (const token of dead) died.add(token);
          lived.push(...active);
        }),
        { numRuns: 6 },
      );
      t.true(died.size > 0);
      // A server that remembers nothing, and lets tokens live longer, says no more of them.
      const later = await app.another({ TOKEN_LIFETIME_DAYS_MAX: '800' });
      for (let purged = 0; purged < 2; purged++) {
        for (const token of died) t.false(await later.isActive(token));
        app.advance(100 * day);
        await purgeNow(later);
      }
    },
    { LOG_LEVEL: 'info' },
  );
