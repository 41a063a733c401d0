// Where the server under test keeps its signing keys: a file that goes when this test process ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function temporaryKeysFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'revocation-keys-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'signing-keys.json');
}
