// What logging, metrics and the audit trail cost together, at the defaults, beside our own server without
// any of them. There is no setting for that, so the other one is bench/servers/unobserved.ts.
import { tokenOf } from './lib/fill.ts';
import { type Effort, interleave, ratio, requestsMaxOf, type Subject } from './lib/interleave.ts';
import { formPost } from './lib/load.ts';
import { figuresOf, type Row } from './lib/report.ts';
import { startOurs, startVariant } from './lib/servers.ts';
import { type DatabaseKind, makeWorld } from './lib/world.ts';

const workingSet = 10_000;
const perSecondMax = 15_000;

export async function observing(kind: DatabaseKind, effort: Effort): Promise<Row[]> {
  const size = { tokens: workingSet + requestsMaxOf(effort, perSecondMax), revocations: 10_000 };
  const worlds = [await makeWorld(kind, size), await makeWorld(kind, size)] as const;
  const servers = await Promise.all([startOurs(worlds[0].env), startVariant('unobserved', worlds[1].env)]);
  const subjects = servers.flatMap((server, n): Subject[] => {
    const { api = '', app = '' } = worlds[n] ?? {};
    const introspect = (token: string) => formPost('/introspect', api, { token });
    const revoke = (token: string) => formPost('/revoke', app, { token });
    return [
      {
        name: `introspection ${n}`,
        server,
        ask: (k) => ({ bytes: introspect(tokenOf(k % workingSet)), expect: '"active":true' }),
        warmUp: 2 * workingSet,
      },
      {
        name: `revocation ${n}`,
        server,
        ask: (k) => ({ bytes: revoke(tokenOf(workingSet + k)), expect: '"status":"revoked"' }),
      },
    ];
  });
  // Subjects that are compared are measured one after the other.
  subjects.sort((one, other) => one.name.localeCompare(other.name));
  try {
    const of = await interleave(subjects, effort);
    return ['introspection', 'revocation'].map((work): Row => {
      const [on, off] = [of(`${work} 0`), of(`${work} 1`)];
      return {
        work: `logging, metrics and audit together, ${work}, ${kind}`,
        reference: 'all three switched off',
        what: 'CPU',
        goal: 1.1,
        measured: ratio(on, off, 'CPU'),
        detail: figuresOf('CPU', on, off),
      };
    });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await Promise.all(worlds.map((world) => world.remove()));
  }
}
