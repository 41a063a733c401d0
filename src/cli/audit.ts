// `audit …`: the audit trail. Here are the commands of a few lines; audit-export.ts and audit-verify.ts have the others.
import { Command } from 'commander';
import { readConfig } from '../config.ts';
import { type Erasure, eraseSubject } from '../domain/trail/erase-subject.ts';
import { recordReading } from '../domain/trail/record-reading.ts';
import { proveEvent } from '../domain/trail/trail-proof.ts';
import { SealKeys } from '../upkeep/seal-keys.ts';
import { sealAndSend } from '../upkeep/trail-work.ts';
import { Refusal } from '../wire/refusal.ts';
import { exportCommand } from './audit-export.ts';
import { verifyCommand } from './audit-verify.ts';
import { toEventId } from './options.ts';
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
    .addCommand(sealKeysCommand(process))
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
        const sealedBefore = (await store.upkeep.findLastSeal())?.last ?? 0;
        const progress = new Progress(process.stderr, 'sealing', head - sealedBefore);
        const onProgress = (sealed: number): void => progress.to(sealed - sealedBefore);
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
    .argument('<event>', 'its id', toEventId)
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

function sealsCommand(process: NodeJS.Process): Command {
  const { say } = printer(process);
  return new Command('seals')
    .description('print every seal, one a line: keep them on another machine')
    .action(() =>
      withStore(process, async (store) => {
        for (const { jws } of await storedSeals(store)) say(jws);
      }),
    );
}

function sealKeysCommand(process: NodeJS.Process): Command {
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
