// `keys …`: the keys with which this server signs introspection answers. They are in a file, never in the
// database.
import { Command } from 'commander';
import { readConfig } from '../config.ts';
import { createKeyFile, rotateKeyFile, SigningKeys } from '../jwt/signing-keys.ts';
import { Refusal } from '../wire/refusal.ts';

export function keysCommand(process: NodeJS.Process): Command {
  const show = async (path: string) => {
    for (const key of await new SigningKeys(path, { mayCreate: false }).listed())
      process.stdout.write(`${JSON.stringify(key)}\n`);
  };
  const pathOf = ({ file }: { file?: string }): string => {
    const path = file ?? readConfig(process.env).signingKeysFile;
    if (path === null) throw new Refusal('invalid_request', 'Set SIGNING_KEYS_FILE, or give --file.');
    return path;
  };
  const command = new Command('keys').description(
    'the keys that sign introspection answers: create, rotate, list',
  );

  command
    .command('create')
    .description('make the file, with a current and a next key of each algorithm')
    .option('--file <file>', 'where (default: SIGNING_KEYS_FILE)')
    .action(async (options: { file?: string }) => {
      const path = pathOf(options);
      if (!(await createKeyFile(path)))
        throw new Refusal(
          'invalid_request',
          'The file is there already. `keys rotate` makes new keys in it.',
        );
      await show(path);
    });

  command
    .command('rotate')
    .description('the next key comes into use and a new next one is published; servers notice within seconds')
    .option('--file <file>', 'which (default: SIGNING_KEYS_FILE)')
    .action(async (options: { file?: string }) => {
      const path = pathOf(options);
      await rotateKeyFile(path);
      await show(path);
    });

  command
    .command('list')
    .description('the public keys that /jwks shows, each with its role')
    .option('--file <file>', 'which (default: SIGNING_KEYS_FILE)')
    .action((options: { file?: string }) => show(pathOf(options)));
  return command;
}
