// What a log line says of an error of the upkeep.
import test from 'ava';
import { StoreUnavailable } from '../../src/domain/store-errors.ts';
import { problemOf } from '../../src/upkeep/problem-of.ts';

test('a problem is told with its cause, and without what a database wrote', (t) => {
  t.is(problemOf(new TypeError('no key')), 'TypeError: no key');
  const cause = Object.assign(new Error('insert …'), { code: 'SQLITE_FULL' });
  t.is(problemOf(new StoreUnavailable('insert …', { cause })), 'StoreUnavailable: SQLITE_FULL');
});

test('what is no error, or has none for its cause, is told all the same', (t) => {
  t.is(problemOf(undefined), 'undefined');
  t.is(problemOf(new Error('x', { cause: null })), 'Error: x');
});
