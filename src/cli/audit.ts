// `audit …`: seal, verify, prove, export and erase. Verifying an export needs neither the database nor the
// server, only public keys.
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { readConfig } from '../config.ts';
import { type Erasure, eraseSubject } from '../domain/trail/erase-subject.ts';
import { csvHeader, exportEvents } from '../domain/trail/export-trail.ts';
import { recordReading } from '../domain/trail/record-reading.ts';
import { proveEvent } from '../domain/trail/trail-proof.ts';
import { SealKeys } from '../upkeep/seal-keys.ts';
import { sealAndSend } from '../upkeep/trail-work.ts';
import { badParameter, Refusal } from '../wire/refusal.ts';
import { verifyCommand } from './audit-verify.ts';
import { printer } from './printer.ts';
import { Progress } from './progress.ts';
import { storedSeals } from './read-trail.ts';
import { withStore } from './with-store.ts';

export function auditCommand(process: NodeJS.Process): Command {
  return new Command('audit')
    .description('the audit trail: seal, verify, proof, export, seals, keys, rotate-key, erase')
    .addCommand(sealCommand(process))
    .addCommand(verifyCommand(process))
    .addCommand(proofCommand(process))
    .addCommand(exportCommand(process))
    .addCommand(sealsCommand(process))
    .addCommand(keysCommand(process))
    .addCommand(rotateKeyCommand(process))
    .addCommand(eraseCommand(process));
}

function sealCommand(process: NodeJS.Process): Command {
  const { say } = printer(process);
  return new Command('seal')
    .description('seal what the trail has grown by, and send the seals to SEAL_FILE and SEAL_WEBHOOK_URL')
    .action(() =>
      withStore(process, async (store, config) => {
        const head = await store.findEventHead();
        const first = (await store.upkeep.findLastSeal())?.last ?? 0;
        const progress = new Progress(process.stderr, 'sealing', head - first);
        const onProgress = (sealed: number): void => progress.to(sealed - first);
        const made = await sealAndSend(store, config, { now: Date.now, onProgress });
        if (!made) throw new Refusal('temporarily_unavailable', 'Another process is sealing. Try again.');
        progress.end();
        const { seals, through } = made;
        say(seals > 0 ? `Sealed ${seals} range(s), through event ${through}.` : 'All events are sealed.');
      }),
    );
}

function proofCommand(process: NodeJS.Process): Command {
  const { say } = printer(process);
  return new Command('proof')
    .argument('<event>', 'its id', toId)
    .description('print a proof that one event is in the sealed trail; check it with `audit verify --proof`')
    .action((seq: number) =>
      withStore(process, async (store, _config, origin) => {
        const [event, seal] = [await store.findEvent(seq), await store.upkeep.findSealOf(seq)];
        if (!event) throw new Refusal('not_found', 'There is no such event.');
        if (!seal) throw new Refusal('not_found', 'The event is not sealed yet. Run: audit seal');
        const leaves = await store.upkeep.listLeaves(seal.first, seal.last);
        if (leaves.length !== seal.last - seal.first + 1) throw new Refusal('not_found', incomplete);
        await recordReading(store, origin, 'audit_read', {}, { view: 'proof', id: String(seq) });
        say(JSON.stringify(proveEvent(event, leaves, seal), null, 2));
      }),
    );
}

function exportCommand(process: NodeJS.Process): Command {
  return new Command('export')
    .description('write the trail as NDJSON, which `audit verify --export` checks offline, or as CSV')
    .option('--format <format>', 'ndjson or csv', toFormat, 'ndjson')
    .option('--out <file>', 'write to this file (default: standard output)')
    .option('--after <event>', 'go on after this event', toId, 0)
    .option('--through <event>', 'end with this event (default: the last)', toId)
    .action((options: { format: 'ndjson' | 'csv'; out?: string; after: number; through?: number }) =>
      withStore(process, async (store, _config, origin) => {
        const { format, after } = options;
        const head = await store.findEventHead();
        const through = Math.min(options.through ?? head, head);
        if (after > through) throw badParameter('--after', 'is after the end of the export');
        const file = options.out === undefined ? null : await openFile(options.out, after > 0);
        await recordReading(store, origin, 'audit_exported', {}, { format, after, through });
        const progress = new Progress(process.stderr, 'exporting', through - after);
        // A reader such as `head` goes when it has enough.
        let isRead = true;
        const onWritten = (error?: Error | null): void => {
          if (error) isRead = false;
        };
        try {
          for await (const text of exportEvents(store, { through }, after, format)) {
            if (file) await file.appendFile(text);
            else if (!process.stdout.write(text, onWritten))
              await once(process.stdout, 'drain').catch(onWritten);
            if (!isRead) return;
            if (text !== csvHeader) progress.advance(text.split('\n').length - 1);
          }
        } finally {
          await file?.close();
        }
        progress.end();
      }),
    );
}

function sealsCommand(process: NodeJS.Process): Command {
  const { say } = printer(process);
  return new Command('seals')
    .description('print every seal, one a line: keep them on another machine')
    .action(() =>
      withStore(process, async (store) => {
        for (const jws of await storedSeals(store)) say(jws);
      }),
    );
}

function keysCommand(process: NodeJS.Process): Command {
  const { say } = printer(process);
  return new Command('keys')
    .description('print the public keys of seals, retired ones included, as a JWK set')
    .action(() => {
      say(JSON.stringify(new SealKeys(readConfig(process.env).sealKeyFile).publicKeys(), null, 2));
    });
}

function rotateKeyCommand(process: NodeJS.Process): Command {
  const { say } = printer(process);
  return new Command('rotate-key')
    .description('make a new key for seals in SEAL_KEY_FILE; the public part of the old one stays')
    .action(async () => {
      const { sealKeyFile } = readConfig(process.env);
      const keys = new SealKeys(sealKeyFile);
      const isFirst = !keys.exists;
      const { kid } = await keys.rotate();
      if (isFirst)
        say(
          `${sealKeyFile} was not there: it was made, with its first key. If seals were signed before, SEAL_KEY_FILE names another file now.`,
        );
      say(
        `Servers whose SEAL_KEY_FILE is ${sealKeyFile} sign with the new key ${kid} from now on. Back it up.`,
      );
    });
}

function eraseCommand(process: NodeJS.Process): Command {
  const { say, show } = printer(process);
  return new Command('erase')
    .description('erase a person: values and salts in events, dead sessions and tokens, names in revocations')
    .requiredOption('--subject <user>', 'the user id')
    .option('--confirm <user>', 'the user id again, for it cannot be undone')
    .action(({ subject, confirm }: { subject: string; confirm?: string }) =>
      withStore(process, async (store, config, origin) => {
        if (confirm !== subject) throw new Refusal('confirmation_required', unconfirmed);
        const keys = new SealKeys(config.sealKeyFile);
        if (!config.production) await keys.makeFirst();
        const erased = await eraseSubject(store, origin, subject, keys.pseudonymKey());
        show(toWire(erased));
        if (Object.values(erased).every((count) => count === 0))
          say('Nothing bears this name. Is it spelt as in the tokens (their sub), and not erased before?');
        if (erased.tokensLeft > 0)
          say('Tokens that are alive were left, with the name. Revoke them first, then erase again.');
      }),
    );
}

/** As the trail and the API name such counts. */
function toWire({ events, sessions, tokens, revocations, tokensLeft, sessionsLeft }: Erasure): object {
  return {
    audit_events: events,
    sessions,
    tokens,
    revocations,
    tokens_left: tokensLeft,
    sessions_left: sessionsLeft,
  };
}

const incomplete = 'Other events of its range are missing, so nothing can be proven. Run: audit verify';
const unconfirmed =
  'Nothing was erased. It cannot be undone: to do it, give the user id once more, by --confirm.';

function toFormat(text: string): 'ndjson' | 'csv' {
  if (text === 'ndjson' || text === 'csv') return text;
  throw new InvalidArgumentError('Give ndjson or csv.');
}

function toId(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give the id of an event.');
  return Number(text);
}

/** Opens a new file, or one to continue. Rejects before the export is recorded in the trail. */
async function openFile(path: string, goesOn: boolean): Promise<FileHandle> {
  try {
    return await open(path, goesOn ? 'a' : 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Refusal(
      'invalid_request',
      'The file of --out is there already. Name another, or go on with it by --after.',
    );
  }
}
