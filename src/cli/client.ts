// `client …`: who may call. Works on the database directly, also while the server runs, which sees the
// change within a second.
import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import type { Client } from '../domain/records/clients.ts';
import { createClient, rotateClientSecret, updateClient } from '../domain/records/manage-clients.ts';
import { authMethods, permissions } from '../domain/vocabulary.ts';
import { check } from '../wire/check.ts';
import {
  cacheMaxAgeMax,
  clientKind,
  clientMembers,
  clientToWire,
  newClientBody,
  overlapSecondsDefault,
  patchClient,
  rotateBody,
  secretIsName,
  toNewClient,
} from '../wire/clients.ts';
import { Refusal } from '../wire/refusal.ts';
import { timeOf } from '../wire/time.ts';
import { collect, patchOf, readJsonFile, withoutAbsent } from './options.ts';
import { addRecordCommands, type Commanded, printer, throwUnknown } from './records.ts';
import { withNewStore, withStore } from './with-store.ts';

/** Members of which a client has one. */
const alternatives = [
  ['jwks', 'jwks_uri'],
  clientMembers.filter((name) => name.startsWith('tls_client_auth_')),
];

const noAudience =
  'It has no --audience, so it sees no tokens but its own: give it one, or the permission introspect:any.';

interface ClientOptions {
  name?: string;
  authMethod?: string;
  permission?: string[];
  audience?: string[];
  origin?: string[];
  issuer?: string[];
  cascade?: string;
  logoutScope?: string;
  cacheMaxAge?: number;
  jwksFile?: string;
  jwksUri?: string;
  tlsSubjectDn?: string;
  tlsSanDns?: string;
  tlsSanUri?: string;
  tlsSanIp?: string;
  tlsSanEmail?: string;
  scope?: string;
  introspectionAlg?: string;
  json?: boolean;
}

interface CreateOptions extends ClientOptions {
  id: string;
  secretStdin?: boolean;
}

interface UpdateOptions extends ClientOptions {
  unset?: string[];
}

const records: Commanded<Client> = {
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
  return withClientOptions(command)
    .option('--secret-stdin', 'read the secret from standard input instead of generating one')
    .action((options: CreateOptions) => create(process, options));
}

function updateCommand(process: NodeJS.Process): Command {
  const command = new Command('update')
    .argument('<id>')
    .description('change a client; what is not named stays, and a list replaces the list before it');
  return withClientOptions(command)
    .option('--unset <member...>', `back to the default: ${clientMembers.join(', ')}`, collect)
    .action((id: string, options: UpdateOptions) => update(process, id, options));
}

function withClientOptions(command: Command): Command {
  return command
    .option('--name <name>', 'client_name')
    .option('--auth-method <method>', `one of: ${authMethods.join(', ')} (default: client_secret_basic)`)
    .option('--permission <permission...>', `any of: ${permissions.join(', ')}`, collect)
    .option('--audience <audience...>', 'resource identifier whose tokens it may introspect', collect)
    .option('--origin <origin...>', 'browser origin that may call /revoke and /logout', collect)
    .option('--issuer <issuer...>', 'issuer it may register tokens for (default: PUBLIC_URL)', collect)
    .option('--cascade <what>', 'grant: revoking an access token ends its grant (default: token)')
    .option('--logout-scope <scope>', 'all: its tokens may log their user out everywhere (default: current)')
    .option(
      '--cache-max-age <seconds>',
      `0 to ${cacheMaxAgeMax}: how long it may trust an introspection answer`,
      toInteger,
    )
    .option(
      '--jwks-file <file>',
      'its public keys, as a JWK set (private_key_jwt, self_signed_tls_client_auth)',
    )
    .option('--jwks-uri <url>', 'fetch its public keys from here')
    .option('--tls-subject-dn <dn>', 'subject of its certificate (tls_client_auth), as in RFC 4514')
    .option('--tls-san-dns <name>', 'DNS name in its certificate (tls_client_auth)')
    .option('--tls-san-uri <uri>', 'URI in its certificate (tls_client_auth)')
    .option('--tls-san-ip <address>', 'IP address in its certificate (tls_client_auth)')
    .option('--tls-san-email <address>', 'e-mail address in its certificate (tls_client_auth)')
    .option(
      '--scope <scopes>',
      'signed introspection answers show it these scopes alone, separated by spaces',
    )
    .option('--introspection-alg <alg>', 'signs introspection answers for it: RS256 (default), ES256')
    .option('--json', 'print one JSON object');
}

async function create(process: NodeJS.Process, options: CreateOptions): Promise<void> {
  const client_secret = await readSecret(process, options.secretStdin);
  const body = check(
    newClientBody,
    withoutAbsent({ client_id: options.id, ...(await toMembers(options)), client_secret }),
  );
  await withNewStore(process, async (store, config, origin) => {
    const fields = await toNewClient(body, !config.production);
    const created = await createClient(store, origin, fields, client_secret);
    if (created.status === 'client_exists')
      throw new Refusal(
        'client_exists',
        'There is a client with this id. Choose another, or see `client show`.',
      );
    const { client, clientSecret } = created;
    const isGenerated = clientSecret !== null && client_secret === undefined;
    const once = isGenerated ? { client_secret: clientSecret } : {};
    showClient(process, client, once, options.json);
  });
}

async function update(process: NodeJS.Process, id: string, options: UpdateOptions): Promise<void> {
  const patch = patchOf(await toMembers(options), options.unset, alternatives);
  await withStore(process, async (store, config, origin) => {
    const updated = await updateClient(store, origin, id, (client) =>
      patchClient(client, patch, !config.production),
    );
    if (updated.status === 'not_found') return throwUnknown(records);
    const { client, clientSecret } = updated;
    const once = clientSecret === null ? {} : { client_secret: clientSecret };
    showClient(process, client, once, options.json);
  });
}

function showClient(
  process: NodeJS.Process,
  client: Client,
  once: { readonly client_secret?: string },
  json: boolean | undefined,
): void {
  printer(process).showOnce({ ...clientToWire(client), ...once }, json);
  if (client.permissions.includes('introspect') && client.audiences.length === 0)
    process.stderr.write(`${noAudience}\n`);
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
        const once = client_secret === undefined ? { client_secret: rotated.clientSecret } : {};
        const previous_expires_at = timeOf(rotated.previousExpireAt);
        showOnce({ client_id: id, ...once, previous_expires_at }, options.json);
      });
    });
}

async function readSecret(
  process: NodeJS.Process,
  isWanted: boolean | undefined,
): Promise<string | undefined> {
  return isWanted ? (await text(process.stdin)).replace(/\r?\n$/, '') : undefined;
}

async function toMembers(options: ClientOptions): Promise<Record<string, unknown>> {
  return withoutAbsent({
    client_name: options.name,
    token_endpoint_auth_method: options.authMethod,
    permissions: options.permission,
    audiences: options.audience,
    allowed_origins: options.origin,
    issuers: options.issuer,
    cascade: options.cascade,
    logout_scope: options.logoutScope,
    cache_max_age: options.cacheMaxAge,
    jwks: options.jwksFile === undefined ? undefined : await readJsonFile('--jwks-file', options.jwksFile),
    jwks_uri: options.jwksUri,
    tls_client_auth_subject_dn: options.tlsSubjectDn,
    tls_client_auth_san_dns: options.tlsSanDns,
    tls_client_auth_san_uri: options.tlsSanUri,
    tls_client_auth_san_ip: options.tlsSanIp,
    tls_client_auth_san_email: options.tlsSanEmail,
    scope: options.scope,
    introspection_signed_response_alg: options.introspectionAlg,
  });
}

function toInteger(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 0 or more.');
  return Number(text);
}

function summaryOf(client: Client): string {
  const state = client.disabledAt === null ? 'enabled ' : 'disabled';
  return `${client.clientId.padEnd(32)} ${state} ${client.authMethod.padEnd(20)} ${client.permissions.join(' ')}`;
}
