// What the log is told of an error, whatever was thrown.
import test from 'ava';
import { StoreUnavailable } from '../../src/domain/store-errors.ts';
import { describe } from '../../src/http/errors.ts';

test('an error is described by its name, code and place, without what a database wrote', (t) => {
  const cause = Object.assign(new Error('insert into "tokens" values (…)'), { code: '23505' });
  const { stack, ...described } = describe(Object.assign(new Error('select …', { cause }), { code: 'E1' }));
  t.like(described, { error: 'Error', code: 'E1', cause: { name: 'Error', code: '23505' } });
  t.false(JSON.stringify([stack, described]).includes('select …'));
  t.deepEqual(describe(new StoreUnavailable('our own words')), {
    error: 'StoreUnavailable',
    message: 'our own words',
  });
});

test('what is no error, or has none for its cause, is described all the same', (t) => {
  t.deepEqual(describe(undefined), { error: 'undefined' });
  t.deepEqual(describe(null), { error: 'object' });
  t.like(describe(new Error('x', { cause: null })), { error: 'Error', cause: 'object' });
  t.like(describe(new Error('x', { cause: 'a text' })), { error: 'Error', cause: 'string' });
});
