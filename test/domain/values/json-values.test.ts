// JSON that every reader takes for the same.
import test from 'ava';
import { parseUnambiguous } from '../../../src/domain/values/json-values.ts';

test('JSON that names a member twice, at whatever depth, is ambiguous', (t) => {
  for (const json of ['{"a":1,"a":2}', '{"a":1,"\\u0061":1}', '[{"b":{"a":{},"c":":","a":{}}}]'])
    t.is(parseUnambiguous(json), undefined, json);
});

test('JSON with colons, quotes and line ends in strings is not', (t) => {
  const values = [
    null,
    'a:b',
    { 'a:b': 'c":"d', 'e\\': '\\":', f: [{ g: '\u2028:' }, { g: 1 }] },
    { '': {} },
  ];
  for (const value of values) {
    t.deepEqual(parseUnambiguous(JSON.stringify(value)), value);
    t.deepEqual(parseUnambiguous(JSON.stringify(value, null, 2)), value);
  }
});

test('what is no JSON throws', (t) => {
  t.throws(() => parseUnambiguous('{"a":1,}'), { instanceOf: SyntaxError });
});
