// The line that tells how far a long command is.
import { Writable } from 'node:stream';
import test from 'ava';
import { Progress } from '../../src/cli/progress.ts';

test('what is added to the work while it is done is counted in', (t) => {
  let said = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      said += chunk;
      done();
    },
  });
  const progress = new Progress(stream as NodeJS.WriteStream, 'verifying', 50);
  progress.to(55);
  progress.end();
  t.regex(said, /^verifying \[#{30}\] 100% 55\/55 in /);
});
