// What `client` and `issuer` have in common: records can be listed, shown, suspended and resumed.
import type { Command } from 'commander';
import type { Origin } from '../domain/audit.ts';
import type { Store } from '../domain/store.ts';
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
  const { noun, key, suspended, find, setEnabled, toWire } = records;
  const { show } = printer(process);
  /** A command about one record, which it shows as `work` leaves it. */
  const add = (
    verb: string,
    description: string,
    work: (store: Store, origin: Origin, name: string) => Promise<Item | undefined>,
  ) =>
    command
      .command(`${verb} <${key}>`)
      .description(description)
      .option('--json', 'print one JSON object')
      .action((name: string, { json }: { json?: boolean }) =>
        withStore(process, async (store, _config, origin) => {
          const item = await work(store, origin, name);
          show(toWire(item ?? throwUnknown(records)), json);
        }),
      );
  addListCommand(command, process, records);
  add('show', `show one ${noun}`, (store, _origin, name) => store.ask((facts) => find(facts, name)));
  add('disable', `suspend the ${noun}: ${suspended}`, (...of) => setEnabled(...of, false));
  add('enable', `lift the suspension of the ${noun}`, (...of) => setEnabled(...of, true));
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

/** @throws Refusal `not_found`. */
export function throwUnknown({ noun, key }: { readonly noun: string; readonly key: string }): never {
  const called = key === noun ? 'with this name' : `with this ${key}`;
  throw new Refusal('not_found', `There is no ${noun} ${called}. \`${noun} list\` shows them all.`);
}
