// The log: what must not stand in it does not, even when a caller hands it over.
import test from 'ava';
import { createLog } from '../src/log.ts';

function lineOf(fields: object, format: 'json' | 'pretty' = 'json'): string {
  let line = '';
  const write = (text: string) => {
    line += text;
  };
  createLog({ level: 'info', format, write }).info(fields, 'said');
  return line;
}

test('fields that name a secret are struck out, at the top and one level down', (t) => {
  const line = lineOf({ token: 'x1', client_id: 'app', cause: { client_secret: 'x2', code: 'E' }, seq: 7 });
  const { time: _, ...fields } = JSON.parse(line);
  const cause = { client_secret: '[removed]', code: 'E' };
  t.deepEqual(fields, { level: 30, token: '[removed]', client_id: 'app', cause, seq: 7, msg: 'said' });
});

test('a line with nothing to strike out holds its fields as they are, lists and nothing among them', (t) => {
  const given = { parts: ['a', 'b'], none: null, nested: { deep: { n: 1 } } };
  const { time: _, level: __, msg: ___, ...fields } = JSON.parse(lineOf(given));
  t.deepEqual(fields, given);
  t.regex(lineOf({ secret: 'x3', n: 1 }, 'pretty'), /^[\d:.]{12} info {2}said secret=\[removed\] n=1\n$/);
});
