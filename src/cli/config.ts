// `config check`: the settings in effect, or everything that is wrong with them.
import { Command } from 'commander';
import { readConfig, settings } from '../config.ts';
import { describeFailure } from './failure.ts';

const nameWidth = Math.max(...settings.map(({ name }) => name.length));

export function configCommand(process: NodeJS.Process): Command {
  const command = new Command('config').description('the settings');
  command
    .command('check')
    .description('show the settings in force, or every problem with its remedy (exit code 78)')
    .action(async () => {
      const config = readConfig(process.env);
      for (const { name, value } of settings)
        process.stdout.write(`${name.padEnd(nameWidth)} ${shown(value(config))}\n`);
      for (const warning of config.warnings) process.stderr.write(`${warning}\n`);
      // In development the first start makes them.
      if (!config.production) return;
      const { demandKeyFiles } = await import('../server.ts');
      await demandKeyFiles(config).catch((error) => {
        process.stderr.write(`${describeFailure(error)}\n`);
        process.exitCode = 78;
      });
    });
  return command;
}

/** As the variable would be written. */
function shown(value: string | number | boolean | readonly string[] | null): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return [value ?? []].flat().join(',') || 'none';
}
