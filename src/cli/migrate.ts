// `migrate …`: the database's schema, up and down.
import { Command } from 'commander';
import { readConfig } from '../config.ts';
import { migrateDown, migrateUp, migrationStatus } from '../store/migrate.ts';
import { printer } from './printer.ts';

export function migrateCommand(process: NodeJS.Process): Command {
  const { say } = printer(process);
  const databaseUrl = () => readConfig(process.env).databaseUrl;
  const command = new Command('migrate').description("the database's schema: up, down, status");

  command
    .command('up')
    .description('run all pending migrations')
    .action(async () => {
      const ran = await migrateUp(databaseUrl());
      say(ran.length === 0 ? 'The schema is up to date.' : ran.map((name) => `ran ${name}`).join('\n'));
    });

  command
    .command('down')
    .description('undo the last migration; what its tables and columns held is lost')
    .option('--confirm <migration>', 'the name of the migration to undo')
    .action(async (options: { confirm?: string }) => {
      const last = (await migrationStatus(databaseUrl())).done.at(-1);
      if (last === undefined) return say('There is nothing to undo.');
      if (options.confirm !== last) {
        const problem = `This would undo ${last}: what it added is lost, and servers that run stop answering.`;
        process.stderr.write(`${problem}\nStop them, then: migrate down --confirm ${last}\n`);
        process.exitCode = 1;
        return;
      }
      for (const name of await migrateDown(databaseUrl())) say(`undid ${name}`);
    });

  command
    .command('status')
    .description(
      'show what has run, what is pending, and what a newer version has run; exits with 1 when something is',
    )
    .action(async () => {
      const { done, pending, newer } = await migrationStatus(databaseUrl());
      for (const name of done) say(`${newer.includes(name) ? 'newer  ' : 'done   '}  ${name}`);
      for (const name of pending) say(`pending  ${name}`);
      if (pending.length > 0 || newer.length > 0) process.exitCode = 1;
    });
  return command;
}
