// `keys …`: the keys with which this server signs introspection answers. They are in a file, never in the
// database.
import { Command } from 'commander';
import { readConfig } from '../config.ts';
import { createKeyFile, rotateKeyFile, SigningKeys } from '../jwt/signing-keys.ts';
import { Refusal } from '../wire/refusal.ts';
import { printer } from './printer.ts';

export function keysCommand(process: NodeJS.Process): Command {
  const { say } = printer(process);
  const command = new Command('keys').description(
    'the keys that sign introspection answers: create, rotate, list',
  );
  /** Each command does its `work` on the file, and shows the keys that are then in it. */
  const add = (name: string, description: string, which: string, work: (path: string) => Promise<unknown>) =>
    command
      .command(name)
      .description(description)
      .option('--file <file>', `${which} (default: SIGNING_KEYS_FILE)`)
      .action(async ({ file }: { file?: string }) => {
        const path = file ?? readConfig(process.env).signingKeysFile;
        if (path === null) throw new Refusal('invalid_request', 'Set SIGNING_KEYS_FILE, or give --file.');
        await work(path);
        for (const key of await new SigningKeys(path, { mayCreate: false }).listed())
          say(JSON.stringify(key));
      });
  add('create', 'make the file, with a current and a next key of each algorithm', 'the file to make', create);
  add(
    'rotate',
    'the next key comes into use and a new next one is published; servers notice within seconds',
    'the file with the keys',
    rotateKeyFile,
  );
  add(
    'list',
    'the public keys that /jwks shows, each with its role',
    'the file with the keys',
    async () => {},
  );
  return command;
}

async function create(path: string): Promise<void> {
  if (await createKeyFile(path)) return;
  throw new Refusal('invalid_request', 'The file is there already. `keys rotate` makes new keys in it.');
}
