// `config check`: what the settings come to, or everything that is wrong with them.
import { Command } from 'commander';
import { readConfig } from '../config.ts';

export function configCommand(process: NodeJS.Process): Command {
  const command = new Command('config').description('the settings');
  command
    .command('check')
    .description('show the settings in force, or every problem with its remedy (exit code 78)')
    .action(() => {
      const config = readConfig(process.env);
      const databaseUrl = config.databaseUrl.replace(/\/\/([^/@:]*):[^/@]*@/, '//$1:…@');
      const confirmSecret = config.confirmSecret === null ? null : '…';
      // Some receivers authenticate by the query.
      const sealWebhookUrl = config.sealWebhookUrl?.replace(/\?.*$/, '?…') ?? null;
      const sharedSecret = { ...config.sharedSecret, secrets: config.sharedSecret.secrets.map(() => '…') };
      for (const [name, value] of Object.entries({
        ...config,
        databaseUrl,
        confirmSecret,
        sealWebhookUrl,
        sharedSecret,
      })) {
        process.stdout.write(
          `${name.padEnd(28)} ${typeof value === 'string' ? value : JSON.stringify(value)}\n`,
        );
      }
    });
  return command;
}
