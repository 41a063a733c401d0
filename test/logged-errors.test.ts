// What the log is told of an error, whatever was thrown: never what a database wrote.
import test from 'ava';
import { StoreUnavailable } from '../src/domain/store-errors.ts';
import { loggedFieldsOf, loggedSentenceOf } from '../src/logged-errors.ts';

test('an error is described by its name, code and place, without what a database wrote', (t) => {
  const cause = Object.assign(new Error('insert into "tokens" values (…)'), { code: '23505' });
  const { stack, ...described } = loggedFieldsOf(
    Object.assign(new Error('select …', { cause }), { code: 'E1' }),
  );
  t.like(described, { error: 'Error', code: 'E1', cause: { name: 'Error', code: '23505' } });
  t.false(JSON.stringify([stack, described]).includes('select …'));
  t.deepEqual(loggedFieldsOf(new StoreUnavailable('our own words')), {
    error: 'StoreUnavailable',
    message: 'our own words',
  });
});

test('what a driver says of a connection is logged, as it has no code', (t) => {
  const { cause } = loggedFieldsOf(new StoreUnavailable('x', { cause: new Error('Query read timeout') }));
  t.like(cause, { name: 'Error', message: 'Query read timeout' });
});

test('of a statement before what a driver says of a connection nothing is logged', (t) => {
  for (const statement of ['COMMIT;', 'insert into "tokens" values (a - b)']) {
    const said = new Error(`${statement} - Query read timeout`);
    const { cause } = loggedFieldsOf(new StoreUnavailable('x', { cause: said }));
    t.deepEqual(cause, { name: 'Error', message: 'Query read timeout' });
  }
});

test('what is no error, or has none for its cause, is described all the same', (t) => {
  t.deepEqual(loggedFieldsOf(undefined), { error: 'undefined' });
  t.deepEqual(loggedFieldsOf(null), { error: 'object' });
  t.like(loggedFieldsOf(new Error('x', { cause: null })), { error: 'Error', cause: 'object' });
  t.like(loggedFieldsOf(new Error('x', { cause: 'a text' })), { error: 'Error', cause: 'string' });
});

test('a problem is told with its cause, and without what a database wrote', (t) => {
  t.is(loggedSentenceOf(new TypeError('no key')), 'TypeError: no key');
  const cause = Object.assign(new Error('insert …'), { code: 'SQLITE_FULL' });
  t.is(
    loggedSentenceOf(new StoreUnavailable('our own words', { cause })),
    'StoreUnavailable: our own words: SQLITE_FULL',
  );
  for (const [said, told] of [
    ['Connection terminated unexpectedly', 'Connection terminated unexpectedly'],
    ['insert …', 'Error'],
  ] as const)
    t.is(
      loggedSentenceOf(new StoreUnavailable('x', { cause: new Error(said) })),
      `StoreUnavailable: x: ${told}`,
    );
});

test('what is no error, or has none for its cause, is told all the same', (t) => {
  t.is(loggedSentenceOf(undefined), 'undefined');
  t.is(loggedSentenceOf(new Error('x', { cause: null })), 'Error: x');
});
