// Last activity of sessions, gathered and written together.
import test from 'ava';
import type { Store } from '../../../src/domain/store.ts';
import { SessionActivity } from '../../../src/http/oauth/session-activity.ts';

test('a session that is used all the time is written once a minute, many sessions in few writes', async (t) => {
  const writes: { ids: readonly string[]; at: number }[] = [];
  const store = {
    touchSessions: (_issuer: string, ids: readonly string[], at: number) => {
      writes.push({ ids, at });
      return Promise.resolve();
    },
  } as unknown as Store;
  const clock = { now: 1_000_000 };
  const activity = new SessionActivity(store, () => clock.now);
  t.teardown(() => activity.close());
  for (let n = 0; n < 1200; n++) activity.touch('https://i.example', `s${n % 600}`);
  t.deepEqual(writes, [], 'no request writes it');
  await activity.flush();
  t.deepEqual(
    writes.map(({ ids }) => ids.length),
    [500, 100],
  );
  activity.touch('https://i.example', 's1');
  await activity.flush();
  t.is(writes.length, 2, 'within the minute it is not written again');
  clock.now += 60_000;
  await activity.flush();
  activity.touch('https://i.example', 's1');
  await activity.flush();
  t.deepEqual(writes.at(-1), { ids: ['s1'], at: clock.now });
  clock.now -= 900_000;
  await activity.flush();
  activity.touch('https://i.example', 's1');
  await activity.flush();
  t.deepEqual(writes.at(-1), { ids: ['s1'], at: clock.now }, 'also after the clock was set back');
});

test('a store that fails costs a few seconds of activity and no request', async (t) => {
  const store = { touchSessions: () => Promise.reject(new Error('down')) } as unknown as Store;
  const activity = new SessionActivity(store, () => 0);
  activity.touch('https://i.example', 's1');
  await t.throwsAsync(activity.flush(), { message: 'down' });
  await t.notThrowsAsync(activity.close());
});
