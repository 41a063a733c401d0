#!/usr/bin/env node
// The command line: `revocation-server --help`. One file per command; here they are put together, and
// errors become a message and an exit code.
import { Command, Help } from 'commander';
import { ConfigError } from '../config.ts';
import { packageVersion } from '../package-root.ts';
import { Refusal } from '../wire/refusal.ts';
import { auditCommand } from './audit.ts';
import { clientCommand } from './client.ts';
import { configCommand } from './config.ts';
import { describeFailure, describeUnwritten } from './failure.ts';
import { healthcheckCommand } from './healthcheck.ts';
import { issuerCommand } from './issuer.ts';
import { keysCommand } from './keys.ts';
import { migrateCommand } from './migrate.ts';
import { inOptions } from './option-names.ts';
import { purgeCommand } from './purge.ts';
import { revokeCommand } from './revoke.ts';

const plain = new Help();
const program = new Command('revocation-server')
  .description('OAuth token revocation server: once it said a token is dead, nobody hears otherwise from it.')
  .version(packageVersion())
  .showHelpAfterError('(see --help)')
  // The value of an option that is not known may be a secret.
  .configureOutput({
    outputError: (text, write) => write(text.replace(/(unknown option '(?:--[^=']*|-[^-'])).*'/s, "$1'")),
  })
  .configureHelp({
    optionDescription: (option) =>
      `${plain.optionDescription(option)}${option.mandatory ? ' (required)' : ''}`,
  })
  .addHelpText(
    'after',
    '\nSettings come from the environment; `config check` shows them, docs/settings.md tells more.',
  );

// A reader such as `head` may close the pipe early. Whatever reads or not, a command does what it does, and its code says
// whether it was done; a server goes on as well.
program.hook('preAction', (_, command) => {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (command.name() === 'serve' || error.code === 'EPIPE') return;
    process.stderr.write(`${describeUnwritten(error)}\n`);
    process.exit(1);
  });
});

program
  .command('serve')
  .description('run the server; so do `npm start` and no command at all')
  // Loaded when wanted: the server is most of the program, and no other command needs it.
  .action(async () => (await import('./serve.ts')).serve(process));
program.addCommand(migrateCommand(process));
program.addCommand(clientCommand(process));
program.addCommand(auditCommand(process));
program.addCommand(purgeCommand(process));
program.addCommand(revokeCommand(process));
program.addCommand(issuerCommand(process));
program.addCommand(keysCommand(process));
program.addCommand(healthcheckCommand(process));
program.addCommand(configCommand(process));
prepare(program);

const hasWords = process.argv.slice(2).some((word) => word !== '--');
try {
  // Not as commander's default command, which would be given every unknown word.
  await program.parseAsync(hasWords ? process.argv : [...process.argv.slice(0, 2), 'serve']);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = error instanceof ConfigError ? 78 : 1;
}

function prepare(parent: Command): void {
  for (const command of parent.commands) {
    // So that subcommands report mistakes in the same words.
    command.copyInheritedSettings(parent);
    refuseRepeats(command);
    prepare(command);
  }
}

/** Of two values commander takes the last: of two users who were to be logged out, one would go on unnoticed. */
function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    // `required`: takes a value.
    if (!option.required || option.variadic) continue;
    let isGiven = false;
    command.on(`option:${option.name()}`, () => {
      if (isGiven) command.error(`error: option '${option.flags}' is given twice`);
      isGiven = true;
    });
  }
}

function messageOf(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  return error instanceof Refusal ? inOptions(error.message) : describeFailure(error);
}
