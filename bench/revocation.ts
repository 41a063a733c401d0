// Durable revocation of distinct tokens on 50 connections: commits shared by concurrent requests, beside one
// commit for each; beside npm `oidc-provider`, which only forgets them in its memory; and on Postgres beside
// the least that one process can do.
import { tokenOf } from './lib/fill.ts';
import { type Effort, interleave, ratio, requestsMaxOf, type Subject } from './lib/interleave.ts';
import { type Ask, formPost } from './lib/load.ts';
import { figuresOf, type Row } from './lib/report.ts';
import { peerAuthorization, startOurs, startPeer, startReference, startVariant } from './lib/servers.ts';
import { type DatabaseKind, makeWorld } from './lib/world.ts';

const perSecondMax = 40_000;
const peerPerSecondMax = 25_000;

export async function revocation(kind: DatabaseKind, effort: Effort): Promise<Row[]> {
  const tokens = requestsMaxOf(effort, perSecondMax);
  const peerTokens = requestsMaxOf(effort, peerPerSecondMax);
  // Each has a database of its own, so that neither reads what the other revokes.
  const size = { tokens, revocations: 10_000 };
  const [world, singleWorld] = [await makeWorld(kind, size), await makeWorld(kind, size)];
  const isSqlite = kind === 'sqlite';
  const [ours, single, peer] = await Promise.all([
    startOurs(world.env),
    startVariant('one-by-one', singleWorld.env),
    isSqlite
      ? startPeer({ TOKENS: String(peerTokens) })
      : startReference('raw-pg', { DATABASE_URL: world.databaseUrl }),
  ]);
  const ask = (n: number): Ask => {
    if (n >= tokens) throw new Error('the bench has run out of tokens');
    return { bytes: formPost('/revoke', world.app, { token: tokenOf(n) }), expect: '"status":"revoked"' };
  };
  const peerSubject: Subject = isSqlite
    ? { name: 'oidc-provider', server: peer, ask: peerAsk(peerTokens) }
    : { name: 'raw pg', server: peer, ask };
  try {
    const of = await interleave(
      [
        { name: 'shared commits', server: ours, ask },
        { name: 'one commit each', server: single, ask },
        peerSubject,
      ],
      effort,
    );
    if (isSqlite) await checkRevoked(peer.port);
    const row = (reference: string, name: string, goal: number): Row => {
      const [one, other] = [of('shared commits'), of(name)];
      const measured = ratio(one, other, 'rate');
      const work = `durable revocation, ${kind}, 50 connections`;
      return { work, reference, what: 'rate', goal, measured, detail: figuresOf('rate', one, other) };
    };
    const alone = 'our server, a commit for each request';
    return isSqlite
      ? [row(alone, 'one commit each', 4), row('oidc-provider in memory', 'oidc-provider', 2)]
      : [
          row('bare node:http and pg, multi-row group commit', 'raw pg', 0.5),
          shown(row(alone, 'one commit each', 0)),
        ];
  } finally {
    await Promise.all([ours.stop(), single.stop(), peer.stop()]);
    await Promise.all([world.remove(), singleWorld.remove()]);
  }
}

/** RFC 7009 §2.2: the answer says nothing. Each token exists, and is asked for once. */
function peerAsk(tokens: number) {
  return (n: number): Ask => {
    if (n >= tokens) throw new Error('the bench has run out of tokens');
    return {
      bytes: formPost('/token/revocation', peerAuthorization, { token: tokenOf(n) }),
      expect: (body) => body === '',
    };
  };
}

async function checkRevoked(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/token/introspection`, {
    method: 'POST',
    headers: { authorization: peerAuthorization },
    body: new URLSearchParams({ token: tokenOf(0) }),
  });
  const { active } = (await answer.json()) as { active: boolean };
  if (active) throw new Error('oidc-provider did not revoke');
}

function shown({ goal: _, ...row }: Row): Row {
  return row;
}
