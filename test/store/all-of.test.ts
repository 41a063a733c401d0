// Statements that are sent together: why they failed, whichever says so.
import test from 'ava';
import { allOf } from '../../src/store/all-of.ts';

const refused = Object.assign(new Error('refused'), { code: '23502' });
const aborted = Object.assign(new Error('aborted'), { code: '25P02' });

test('what failed first is told, not what failed because of it', async (t) => {
  await t.throwsAsync(allOf([Promise.reject(aborted), Promise.reject(refused), Promise.resolve()]), {
    is: refused,
  });
  await t.throwsAsync(allOf([Promise.reject(aborted)]), { is: aborted });
  await allOf([Promise.resolve(), Promise.resolve()]);
});
