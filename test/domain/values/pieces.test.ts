import test from 'ava';
import { addPiece } from '../../../src/domain/values/pieces.ts';

test('of bytes that come one by one few pieces are kept, and every byte', (t) => {
  const pieces: Uint8Array[] = [];
  const bytes = Buffer.from(Array.from({ length: 65_536 }, (_, n) => n % 251));
  let most = 0;
  for (let at = 0; at < bytes.length; at++) {
    addPiece(pieces, bytes.subarray(at, at + 1));
    most = Math.max(most, pieces.length);
  }
  t.true(most <= 256, `${most} pieces`);
  t.deepEqual(Buffer.concat(pieces), bytes);
});
