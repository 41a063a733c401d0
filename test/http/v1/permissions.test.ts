// Who may make each call of the operators: the holder of one of its permissions, and nobody by any other. And which
// calls concern all issuers, so that a bearer confined to its own makes none of them.
import test from 'ava';
import type { Store } from '../../../src/domain/store.ts';
import { type Permission, permissions } from '../../../src/domain/vocabulary.ts';
import { publicUrl, type TestApp } from '../../helpers/app.ts';
import { appOn } from '../../helpers/app-parts.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { TestIssuer } from '../../helpers/issuer.ts';
import type { Auth } from '../../helpers/requests.ts';

const revoking = permissions.filter((permission) => permission.startsWith('revoke:'));

/** Whose data a call reaches, all issuers' or the bearer's own; and any of which permissions it needs. */
const calls: Readonly<Record<string, readonly ['own' | 'all', ...Permission[]]>> = {
  'POST /v1/tokens': ['own', 'register'],
  'POST /v1/tokens/explain': ['all', 'audit'],
  'POST /v1/revocations': ['own', ...revoking],
  'GET /v1/revocations': ['own', 'audit'],
  'GET /v1/revocations/:seq': ['own', 'audit'],
  'GET /v1/sessions': ['own', 'sessions', 'audit', 'revoke:any'],
  'DELETE /v1/sessions/:id': ['own', 'sessions', 'revoke:any', 'revoke:session'],
  'GET /v1/audit/events': ['all', 'audit'],
  'GET /v1/audit/events/:id': ['all', 'audit'],
  'GET /v1/audit/summary': ['all', 'audit'],
  'GET /v1/audit/export': ['all', 'audit'],
  'GET /v1/audit/seals': ['all', 'audit'],
  'POST /v1/clients': ['all', 'admin'],
  'GET /v1/clients': ['all', 'admin'],
  'GET /v1/clients/:client_id': ['all', 'admin'],
  'PATCH /v1/clients/:client_id': ['all', 'admin'],
  'POST /v1/clients/:client_id/rotate-secret': ['all', 'admin'],
  'POST /v1/clients/:client_id/disable': ['all', 'admin'],
  'POST /v1/clients/:client_id/enable': ['all', 'admin'],
  'POST /v1/issuers': ['all', 'admin'],
  'GET /v1/issuers': ['all', 'admin'],
  'GET /v1/issuers/:issuer': ['all', 'admin'],
  'PATCH /v1/issuers/:issuer': ['all', 'admin'],
  'POST /v1/issuers/:issuer/refresh-keys': ['all', 'admin'],
  'POST /v1/issuers/:issuer/disable': ['all', 'admin'],
  'POST /v1/issuers/:issuer/enable': ['all', 'admin'],
  'GET /metrics': ['all', 'metrics'],
};

/** Undefined where the caller is let through, whatever becomes of its request then. */
async function refusalOf(app: TestApp, call: string, auth: Auth): Promise<string | undefined> {
  const [method = '', path = ''] = call.replace(/:\w+/, '1').split(' ');
  const body = method === 'POST' && !/[/](disable|enable|refresh-keys)$/.test(path) ? '{}' : undefined;
  const { status, body: answer } = await app.request(method, path, { auth, type: 'application/json', body });
  return status === 401 || status === 403 ? answer.detail : undefined;
}

testEachDatabase(
  'each call of the operators is for who holds its permission, and no other',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app, { scope_permissions: { all: permissions } });
    const bearer = `Bearer ${await issuer.sign({ sub: 'boss', aud: publicUrl, scope: 'all' })}`;
    for (const [call, [reach, ...needed]] of Object.entries(calls)) {
      const others = permissions.filter((permission) => !needed.includes(permission));
      const stranger = await app.addClient({ permissions: others });
      t.is(await refusalOf(app, call, stranger), `this needs the permission ${needed.join(' or ')}`, call);
      for (const permission of needed)
        t.is(await refusalOf(app, call, await app.addClient({ permissions: [permission] })), undefined, call);
      const beyond = reach === 'all' ? "this bearer reaches its own issuer's data only" : undefined;
      t.is(await refusalOf(app, call, bearer), beyond, call);
    }
  },
);

test('it is told of each call of the operators whose it is', async (t) => {
  const { routes } = await appOn({} as Store);
  const named = routes
    .map(({ method, path }) => `${method} ${path}`)
    .filter((call) => /[/](v1[/]|metrics)/.test(call));
  t.deepEqual(named.sort(), [...Object.keys(calls), 'GET /v1/audit/seal-keys'].sort());
});
