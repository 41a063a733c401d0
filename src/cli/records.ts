// What `client` and `issuer` have in common: records can be listed, shown, suspended and resumed.
import type { Command } from 'commander';
import type { RecordKind } from '../wire/record-kind.ts';
import { Refusal } from '../wire/refusal.ts';
import { printer } from './printer.ts';
import { withStore } from './with-store.ts';

const pageSize = 1000;

export interface RecordCommands<Item> extends RecordKind<Item> {
  /** The argument that names a record. */
  readonly key: string;
  /** What a suspension does. */
  readonly suspended: string;
  /** One line. */
  readonly summaryOf: (item: Item) => string;
}

/** Adds `list`, `show`, `disable` and `enable` to the command. */
export function addRecordCommands<Item>(
  command: Command,
  process: NodeJS.Process,
  records: RecordCommands<Item>,
): void {
  const { noun, suspended } = records;
  addListCommand(command, process, records);
  addShowCommand(command, process, records);
  const add = (verb: string, enabled: boolean, description: string) =>
    addSwitchCommand(command, process, records, { verb, enabled, description });
  add('disable', false, `suspend the ${noun}: ${suspended}`);
  add('enable', true, `lift the suspension of the ${noun}`);
}

function addListCommand<Item>(
  command: Command,
  process: NodeJS.Process,
  { noun, toWire, listAfter, keyOf, summaryOf }: RecordCommands<Item>,
): void {
  const { say } = printer(process);
  command
    .command('list')
    .description(`list all ${noun}s`)
    .option('--json', 'print one JSON object per line')
    .action(async ({ json }: { json?: boolean }) => {
      await withStore(process, async (store) => {
        let page: Item[] = [];
        do {
          const last = page.at(-1);
          page = await listAfter(store, last === undefined ? '' : keyOf(last), pageSize);
          for (const item of page) say(json ? JSON.stringify(toWire(item)) : summaryOf(item));
        } while (page.length === pageSize);
      });
    });
}

function addShowCommand<Item>(
  command: Command,
  process: NodeJS.Process,
  records: RecordCommands<Item>,
): void {
  const { show } = printer(process);
  command
    .command(`show <${records.key}>`)
    .description(`show one ${records.noun}`)
    .option('--json', 'print one JSON object')
    .action(async (name: string, { json }: { json?: boolean }) => {
      await withStore(process, async (store) => {
        const item = await store.ask((facts) => records.find(facts, name));
        show(records.toWire(item ?? throwUnknown(records)), json);
      });
    });
}

function addSwitchCommand<Item>(
  command: Command,
  process: NodeJS.Process,
  records: RecordCommands<Item>,
  { verb, enabled, description }: { verb: string; enabled: boolean; description: string },
): void {
  const { show } = printer(process);
  command
    .command(`${verb} <${records.key}>`)
    .description(description)
    .option('--json', 'print one JSON object')
    .action(async (name: string, { json }: { json?: boolean }) => {
      await withStore(process, async (store, _config, origin) => {
        const item = await records.setEnabled(store, origin, name, enabled);
        show(records.toWire(item ?? throwUnknown(records)), json);
      });
    });
}

/** @throws Refusal `not_found`. */
export function throwUnknown({ noun, key }: { readonly noun: string; readonly key: string }): never {
  const called = key === noun ? 'with this name' : `with this ${key}`;
  throw new Refusal('not_found', `There is no ${noun} ${called}. \`${noun} list\` shows them all.`);
}
