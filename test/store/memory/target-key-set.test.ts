// The set of revoked keys: it may claim too much, never too little.
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { bytesOfKey, printsOf, printsOfHex, TargetKeySet } from '../../../src/store/memory/target-key-set.ts';

const newKey = () => randomBytes(16).toString('hex');

/** No two of them begin alike. */
function newKeys(count: number): string[] {
  const keys = new Map<string, string>();
  while (keys.size < count) {
    const key = newKey();
    keys.set(key.slice(0, 2 * bytesOfKey), key);
  }
  return [...keys.values()];
}

test('it holds each key that was added, by its text as by its bytes, and no other that begins otherwise', (t) => {
  const set = new TargetKeySet();
  const keys = newKeys(40_000);
  const [added, others] = [keys.slice(0, 20_000), keys.slice(20_000)];
  added.forEach((key, n) => {
    set.addAll(n % 2 === 0 ? printsOf([key]) : printsOfHex(key.slice(0, 2 * bytesOfKey).toUpperCase()));
  });
  t.is(set.size, added.length);
  t.true(added.every((key) => set.hasAny(printsOf([key]))));
  t.false(set.hasAny(printsOf(others)));
  t.true(set.hasAny(printsOf([...others.slice(0, 7), added[19_999] as string])));
  set.addAll(printsOf(added.slice(0, 100)));
  t.is(set.size, added.length, 'a key that is there is not added again');
});

test('keys of which parts are zero, or no characters, are keys like others', (t) => {
  const set = new TargetKeySet();
  const keys = [
    '0'.repeat(32),
    `00000001${'0'.repeat(24)}`,
    `01000000${'0'.repeat(24)}`,
    `d800dfff${'d'.repeat(24)}`,
  ];
  for (const [n, key] of keys.entries()) {
    t.false(set.hasAny(printsOf([key])), key);
    set.addAll(printsOf([key]));
    t.is(set.size, n + 1);
    t.true(set.hasAny(printsOf([key])), key);
  }
  t.false(set.hasAny(''));
});
