// Which failures pass by themselves, and which are the fault of what was to be written.
import test from 'ava';
import { dialectOf } from '../../../src/store/dialect.ts';

const failures: Readonly<Record<string, 'transient' | 'refusal' | 'failure'>> = {
  // Another transaction was in the way: a conflict, a deadlock, a lock that was not to be had in time.
  '40001': 'transient',
  '40P01': 'transient',
  '55P03': 'transient',
  // A text that the encoding lacks; a row that is there already.
  '22021': 'refusal',
  '23505': 'refusal',
  // The database is read-only, has no room for a connection, or is shutting down.
  '25006': 'failure',
  '53300': 'failure',
  '57P01': 'failure',
};

test('a failure of Postgres is told by its code', (t) => {
  const { isTransient, isRefusal } = dialectOf('postgres://localhost/none');
  for (const [code, what] of Object.entries(failures)) {
    const error = Object.assign(new Error('failed'), { code });
    t.deepEqual([isTransient(error), isRefusal(error)], [what === 'transient', what === 'refusal'], code);
  }
});
