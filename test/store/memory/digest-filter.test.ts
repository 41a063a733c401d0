// The filter over the digests of registered tokens: it may claim too much, never too little.
import test from 'ava';
import { digestOf } from '../../../src/domain/claims.ts';
import { DigestFilter } from '../../../src/store/memory/digest-filter.ts';

const digests = (count: number, what: string) =>
  Array.from({ length: count }, (_, n) => digestOf(`${what} ${n}`));

test('it claims every digest that was added, and one in forty of others at most', (t) => {
  const filter = new DigestFilter(20_000);
  const [added, others] = [digests(20_000, 'added'), digests(20_000, 'other')];
  added.forEach((digest, n) => {
    filter.add(n % 2 === 0 ? digest : digest.toUpperCase().slice(0, 24));
  });
  t.true(added.every((digest) => filter.has(digest)));
  t.true(others.filter((digest) => filter.has(digest)).length < others.length / 40);
  t.true(filter.size > added.length * 0.98 && filter.size <= added.length);
});

test('what it claims already is not counted again', (t) => {
  const filter = new DigestFilter(1_000);
  const [digest = ''] = digests(1, 'added');
  t.true(filter.add(digest));
  t.false(filter.add(digest));
  t.is(filter.size, 1);
});

test('it grows beyond the room it was made for, and misses none', (t) => {
  for (const room of [0, 1, 700]) {
    const filter = new DigestFilter(room);
    const [added, others] = [digests(10_000, 'added'), digests(10_000, 'other')];
    t.false(filter.has(added[0] as string));
    for (const digest of added) filter.add(digest);
    t.true(added.every((digest) => filter.has(digest)));
    t.true(others.filter((digest) => filter.has(digest)).length < others.length / 10);
  }
});
