// Free text on its way into the trail: nothing shaped like a token, nothing that breaks a line, no more than
// its bound.
import { randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { plainText } from '../../../src/domain/values/plain-text.ts';

test('plain words stay as they are', (t) => {
  for (const words of [
    'lost on a train',
    'Gerät verloren 🚆',
    'Mozilla/5.0 (X11; Linux x86_64)',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
    'python-requests/2.31.0',
    'see https://example.com/runbooks/logout on 2026-11-28',
    'PostmanRuntime/7.29.2',
    'internationalization',
  ])
    t.is(plainText(words, 200), words);
});

test('control and format characters become a space, and nothing is null', (t) => {
  t.is(plainText('a\r\nb\u0000c\u202ed\u2028e', 200), 'a b c d e');
  for (const nothing of ['', ' ', '\n\u0000', '\u200b']) t.is(plainText(nothing, 200), null);
});

test('what is shaped like a token is removed', (t) => {
  for (let n = 0; n < 50; n++) {
    const token = randomBytes(24).toString('base64url');
    t.false((plainText(`it was ${token}, sorry`, 200) ?? '').includes(token));
  }
  const jwt = `eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.${randomBytes(32).toString('base64url')}`;
  t.is(plainText(jwt, 200), '[removed]');
  t.is(plainText('eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.abcDEF1 is it', 200), '[removed] is it');
  t.is(plainText('leaked q83vEjRWeJ+rze8SNFZ4mrz/7ze8EjRWeJ0=', 200), 'leaked [removed]');
});

test('the secrets of the request are removed whatever they look like', (t) => {
  t.is(plainText('my token is hello world', 200, ['hello world']), 'my token is [removed]');
  t.is(plainText('kept', 200, ['']), 'kept');
  t.is(plainText('my pin is 1234', 200, ['12', '1234']), 'my pin is [removed]', 'the longest first');
});

test('of a text that repeats very many secrets nothing is kept', (t) => {
  const secrets = Array.from({ length: 17 }, (_, n) => 'a'.repeat(n + 1));
  t.is(plainText(`b ${'a'.repeat(20)}`, 200, secrets.slice(1)), 'b [removed]');
  t.is(plainText(`b ${'a'.repeat(20)}`, 200, secrets), null);
});

test('what stands for a secret is not searched for others', (t) => {
  t.is(plainText('aaa', 200, ['a', 'e', 'm', 'o']), '[removed]');
});

test('a short secret within one that is shaped like a token does not hide it', (t) => {
  const shaped = 'dGhpcyBpcyBhIHNlY3JldCB0b2tlbiB2YWx1ZSAxMjM0NTY3ODkw';
  for (const secret of ['I', 'B', '1', 'dGhp'])
    t.is(plainText(`it is ${shaped}`, 200, [secret])?.includes('ZSAx'), false);
  t.is(plainText('see a.bQUJDabc/1Zm9v+YmFyXYZ/1234', 200, ['a.b']), 'see [removed]', 'a dot hid the rest');
  t.is(plainText('aXaXa', 200, ['aXa']), '[removed]', 'two that overlap');
});

test('of a long text only the beginning is read, and of a secret that is cut off with it nothing stays', (t) => {
  const secret = 'hello world, hello moon';
  const blanks = '\n'.repeat(30);
  t.is(plainText(`${blanks}${secret}`, 10, [secret]), null);
  t.is(plainText(`${blanks}hello venus, hello`, 10, [secret]), 'hello venu');
});

test('text is cut to its bound and stays well-formed', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      const plain = plainText(text, 50);
      return plain === null || (plain.length <= 50 && plain.isWellFormed() && !/\p{Cc}/u.test(plain));
    }),
  );
  t.is(plainText(`${'a'.repeat(49)}🚆`, 50)?.isWellFormed(), true);
});
