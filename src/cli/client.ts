// `client …`: who may call. Works on the database directly, also while the server runs, which sees the
// change within a second.
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import type { Config } from '../config.ts';
import { type Client, holds } from '../domain/records/clients.ts';
import {
  type ClientWithSecret,
  createClient,
  rotateClientSecret,
  updateClient,
} from '../domain/records/manage-clients.ts';
import { withoutAbsent } from '../domain/values/json-values.ts';
import { methodsOffered, notOffered } from '../wire/auth-methods.ts';
import { check } from '../wire/check.ts';
import {
  clientKind,
  clientMembers,
  clientToWire,
  newClientBody,
  newSecretToWire,
  overlapSecondsDefault,
  patchClient,
  rotateBody,
  secretIsName,
  toNewClient,
} from '../wire/clients.ts';
import { Refusal } from '../wire/refusal.ts';
import { timeOf } from '../wire/time.ts';
import { clientOptions } from './client-options.ts';
import { membersIn, withMemberOptions } from './member-options.ts';
import { collect, patchOf, toInteger } from './options.ts';
import { printer } from './printer.ts';
import { addRecordCommands, type RecordCommands, throwUnknown } from './records.ts';
import { withNewStore, withStore } from './with-store.ts';

/** Members of which a client has one. */
const alternatives = [
  ['jwks', 'jwks_uri'],
  clientMembers.filter((name) => name.startsWith('tls_client_auth_')),
];

const noAudience =
  'It has no --audience, so it sees no tokens but its own: give it one, or the permission introspect:any.';

interface CreateOptions {
  id: string;
  secretStdin?: boolean;
  json?: boolean;
}

interface UpdateOptions {
  unset?: string[];
  json?: boolean;
}

const records: RecordCommands<Client> = {
  ...clientKind,
  key: 'id',
  suspended: 'its credentials are refused, its tokens inactive',
  summaryOf,
};

export function clientCommand(process: NodeJS.Process): Command {
  const command = new Command('client')
    .description('who may call: create, update, list, show, rotate-secret, disable, enable')
    .addCommand(createCommand(process))
    .addCommand(updateCommand(process));
  addRecordCommands(command, process, records);
  return command.addCommand(rotateSecretCommand(process));
}

function createCommand(process: NodeJS.Process): Command {
  const command = new Command('create')
    .description('create a client; its generated secret is shown once')
    .requiredOption('--id <id>', 'client_id');
  return withMemberOptions(command, clientOptions)
    .option('--secret-stdin', 'read the secret from standard input instead of generating one')
    .action((options: CreateOptions) => create(process, options));
}

function updateCommand(process: NodeJS.Process): Command {
  const command = new Command('update')
    .argument('<id>')
    .description('change a client; what is not named stays, and a list replaces the list before it');
  return withMemberOptions(command, clientOptions)
    .option('--unset <member...>', `back to the default: ${clientMembers.join(', ')}`, collect)
    .action((id: string, options: UpdateOptions) => update(process, id, options));
}

async function create(process: NodeJS.Process, options: CreateOptions): Promise<void> {
  const client_secret = await readSecret(process, options.secretStdin);
  const body = check(
    newClientBody,
    withoutAbsent({ client_id: options.id, ...(await membersIn(clientOptions, options)), client_secret }),
  );
  await withNewStore(process, async (store, config, origin) => {
    const fields = await toNewClient(body, !config.production);
    const created = await createClient(store, origin, fields, client_secret);
    if (created.status === 'client_exists')
      throw new Refusal(
        'client_exists',
        'There is a client with this id. Choose another, or see `client show`.',
      );
    showClient(process, config, created, options.json);
  });
}

async function update(process: NodeJS.Process, id: string, options: UpdateOptions): Promise<void> {
  const patch = patchOf(await membersIn(clientOptions, options), alternatives, options.unset);
  await withStore(process, async (store, config, origin) => {
    const updated = await updateClient(store, origin, id, (client) =>
      patchClient(client, patch, !config.production),
    );
    if (!updated) return throwUnknown(records);
    showClient(process, config, updated, options.json);
  });
}

function showClient(
  process: NodeJS.Process,
  config: Config,
  { client, newSecret }: ClientWithSecret,
  json: boolean | undefined,
): void {
  printer(process).showOnce({ ...clientToWire(client), ...newSecretToWire(newSecret) }, json);
  // Who registers refresh tokens may see those without an audience.
  const seesMore = ['introspect:any', 'register'] as const;
  if (
    holds(client, 'introspect') &&
    !seesMore.some((one) => holds(client, one)) &&
    client.audiences.length === 0
  )
    process.stderr.write(`${noAudience}\n`);
  if (!methodsOffered(config).includes(client.authMethod)) process.stderr.write(`It ${notOffered}.\n`);
}

function rotateSecretCommand(process: NodeJS.Process): Command {
  const { showOnce } = printer(process);
  return new Command('rotate-secret')
    .argument('<id>')
    .description('add a secret, shown once; the older ones expire')
    .option('--overlap <seconds>', 'how long the older ones stay valid', toInteger, overlapSecondsDefault)
    .option('--secret-stdin', 'read the secret from standard input instead of generating one')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: { overlap: number; secretStdin?: boolean; json?: boolean }) => {
      const said = {
        overlap_seconds: options.overlap,
        client_secret: await readSecret(process, options.secretStdin),
      };
      const { overlap_seconds, client_secret } = check(rotateBody, withoutAbsent(said));
      await withStore(process, async (store, _config, origin) => {
        const rotated = await rotateClientSecret(store, origin, id, overlap_seconds * 1000, client_secret);
        if (rotated.status === 'not_found') throwUnknown(records);
        if (rotated.status === 'secret_is_name') throw secretIsName(id);
        if (rotated.status !== 'rotated')
          throw new Refusal(
            'invalid_request',
            'This client has no secret. `client show` tells how it authenticates.',
          );
        const previous_expires_at = timeOf(rotated.previousExpireAt);
        showOnce({ client_id: id, ...newSecretToWire(rotated.newSecret), previous_expires_at }, options.json);
      });
    });
}

async function readSecret(
  process: NodeJS.Process,
  isWanted: boolean | undefined,
): Promise<string | undefined> {
  return isWanted ? (await text(process.stdin)).replace(/\r?\n$/, '') : undefined;
}

function summaryOf(client: Client): string {
  const state = client.disabledAt === null ? 'enabled ' : 'disabled';
  return `${client.clientId.padEnd(32)} ${state} ${client.authMethod.padEnd(20)} ${client.permissions.join(' ')}`;
}
