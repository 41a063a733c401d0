// A fetched value as those ask for it who must be certain; issuer-keys.test.ts has the rest, over HTTP.
import test, { type ExecutionContext } from 'ava';
import { Fetched } from '../../src/jwt/fetched.ts';

/** Its value is how often it was fetched. */
function counting(t: ExecutionContext, now: () => number) {
  let fetches = 0;
  const fetch = async () => {
    fetches += 1;
    return fetches;
  };
  const onFailure = (problem: string) => t.fail(problem);
  return {
    fetched: new Fetched({ what: 'the keys', fetch, isGiven: false, now, onFailure }),
    fetches: () => fetches,
  };
}

test('who must be certain gets a value after the cool-down, though the clock lags behind the timer', async (t) => {
  const { fetched } = counting(t, () => performance.now() * 0.997);
  t.is(await fetched.current(), 1);
  const asked = performance.now() * 0.997;
  t.deepEqual(await Promise.all([fetched.certain(0, asked), fetched.certain(0, asked)]), [2, 2]);
});

test('who must be certain makes us fetch a second after the last fetch, and not before', async (t) => {
  let now = 0;
  const { fetched, fetches } = counting(t, () => now);
  t.is(await fetched.current(), 1);
  now = 999;
  await t.throwsAsync(fetched.certain(0, 1), { name: 'KeysUnavailable' });
  t.is(fetches(), 1);
  now = 1000;
  t.is(await fetched.certain(0, 1), 2);
});
