// Introspection with the full verdict, beside a Koa that reads the same form and answers a fixed JSON (K),
// beside npm `oidc-provider`, and on Postgres beside our own server with one query for each request.
import { spread, tokenOf } from './lib/fill.ts';
import { type Effort, interleave, type MediansOf, ratio, type Subject } from './lib/interleave.ts';
import { type Ask, formPost } from './lib/load.ts';
import { figuresOf, type Row } from './lib/report.ts';
import {
  peerAuthorization,
  type RunningProcess,
  startOurs,
  startPeer,
  startReference,
  startVariant,
} from './lib/servers.ts';
import { type DatabaseKind, makeWorld, type Size } from './lib/world.ts';

export interface WorkingSize extends Size {
  /** The requests ask for this many tokens in turn. */
  readonly workingSet: number;
}

const peerTokens = 1_000;

export async function introspection(kind: DatabaseKind, size: WorkingSize, effort: Effort): Promise<Row[]> {
  const world = await makeWorld(kind, size);
  const [ours, k, other] = await Promise.all([
    startOurs(world.env),
    startReference('koa-fixed-answer'),
    kind === 'sqlite'
      ? startPeer({ TOKENS: String(peerTokens), KIND: 'user' })
      : startVariant('one-by-one', world.env),
  ]);
  const ask = (range: number | null) => asker('/introspect', world.api, range);
  const live = ask(size.workingSet);
  // A server remembers tokens that come again.
  const warmUp = 2 * size.workingSet;
  try {
    const of = await interleave(
      [
        { name: 'K', server: k, ask: live },
        { name: 'working set', server: ours, ask: live, warmUp },
        { name: 'all tokens', server: ours, ask: ask(size.tokens) },
        { name: 'unknown', server: ours, ask: ask(null) },
        ...(kind === 'sqlite'
          ? peers(other)
          : [{ name: 'one query each', server: other, ask: live, warmUp }]),
      ],
      effort,
    );
    return rowsOf(kind, size, of);
  } finally {
    await Promise.all([ours.stop(), k.stop(), other.stop()]);
    await world.remove();
  }
}

/** Asks for tokens of the first `range`; without one, for tokens that nobody knows. */
function asker(path: string, authorization: string, range: number | null) {
  return (n: number): Ask => {
    const token = range === null ? `at_${n}`.padEnd(43, 'u') : tokenOf(spread(n, range));
    const expect = range === null ? '{"active":false}' : '"active":true';
    return { bytes: formPost(path, authorization, { token }), expect };
  };
}

function peers(server: RunningProcess): Subject[] {
  const ask = (range: number | null) => asker('/token/introspection', peerAuthorization, range);
  return [
    { name: 'oidc-provider', server, ask: ask(peerTokens) },
    { name: 'oidc-provider, unknown', server, ask: ask(null) },
  ];
}

function rowsOf(kind: DatabaseKind, size: WorkingSize, of: MediansOf): Row[] {
  const tokens = size.tokens.toLocaleString('en');
  const works: Record<string, string> = {
    'working set': `introspection, ${kind}, ${size.workingSet.toLocaleString('en')} of ${tokens} tokens in turn`,
    'all tokens': `introspection, ${kind}, any of ${tokens} tokens`,
    unknown: `introspection, ${kind}, tokens nobody knows`,
  };
  const row = (name: string, reference: string, other: string, what: 'rate' | 'CPU', goal: number): Row => ({
    work: works[name] ?? name,
    reference,
    what,
    goal,
    measured: ratio(of(name), of(other), what),
    detail: figuresOf(what, of(name), of(other)),
  });
  const [set, any] = ['working set', 'all tokens'];
  if (kind === 'postgres') {
    const alone = 'our server, a query for each request';
    return [
      row(set, 'K', 'K', 'rate', 0.9),
      row(any, 'K', 'K', 'rate', 0.9),
      row(set, alone, 'one query each', 'rate', 1.6),
    ];
  }
  return [
    row(set, 'K', 'K', 'rate', 1.1),
    row(set, 'K', 'K', 'CPU', 1 / 1.1),
    row(any, 'K', 'K', 'rate', 0.8),
    row(any, 'K', 'K', 'CPU', 1 / 0.8),
    row('unknown', 'a live token', set, 'CPU', 0.9),
    row(set, 'oidc-provider in memory', 'oidc-provider', 'rate', 4.5),
    row('unknown', 'oidc-provider in memory', 'oidc-provider, unknown', 'rate', 4),
  ];
}
