// What the inboxes have in common: standard signals from other systems become revocations. Off until an issuer's
// record turns one on.
import type { Origin } from '../../domain/audit.ts';
import { type Restriction, unrestricted } from '../../domain/cutoffs.ts';
import type { Policy } from '../../domain/policy.ts';
import type { InboxKind } from '../../domain/records/issuers.ts';
import { ignoredSignal, receiveSignal, refusedSignal } from '../../domain/revoke/receive-signal.ts';
import type { Store } from '../../domain/store.ts';
import type { Target } from '../../domain/targets.ts';
import type { SignalRead, SignalVerifier } from '../../jwt/signal-verifier.ts';
import type { Context } from '../context.ts';
import type { FloodRecorder } from '../flood-recorder.ts';
import { originOf } from '../origin.ts';

export interface InboxParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly signalVerifier: SignalVerifier;
  readonly floodRecorder: FloodRecorder;
  readonly now: () => number;
}

/** A message that an issuer on record has signed. */
export type SignedMessage = Extract<SignalRead, { ok: true }>;

/** Limits what a message ends, beside its targets. */
interface Limits {
  readonly only?: Restriction;
  /** Milliseconds; by default when the message was issued. */
  readonly happenedAt?: number;
}

const tenMinutesMs = 600_000;

export class SignalReceiver {
  readonly #kind: InboxKind;
  readonly #parts: InboxParts;
  readonly #ownAudiences: readonly string[];

  constructor(kind: InboxKind, parts: InboxParts, ownAudiences: readonly string[] = []) {
    this.#kind = kind;
    this.#parts = parts;
    this.#ownAudiences = ownAudiences;
  }

  /** `types`: header `typ` values that such messages bear; '' when they may bear none. */
  read(message: string, types: readonly string[]): Promise<SignalRead> {
    return this.#parts.signalVerifier.read(message, this.#kind, types, this.#ownAudiences);
  }

  /**
   * The same for endpoints that answer every refusal alike. Resolves to undefined once a refusal is on record. `faultOf`
   * says what else is wrong with a message, if anything is.
   */
  async accept(
    ctx: Context,
    message: string,
    types: readonly string[],
    faultOf: (read: SignedMessage) => string | undefined,
  ): Promise<SignedMessage | undefined> {
    const read = await this.read(message, types);
    if (!read.ok) {
      await this.refuse(ctx, read.why);
      return undefined;
    }
    const fault = faultOf(read);
    if (fault === undefined) return read;
    await this.refuse(ctx, fault, read.issuer.issuer);
    return undefined;
  }

  isRecent({ issuedAt }: SignedMessage): boolean {
    return Math.abs(this.#parts.now() - issuedAt) <= tenMinutesMs;
  }

  /** Records that a message was refused. `from` is the sender, if that is certain. */
  async refuse(ctx: Context, why: string, from: string | null = null): Promise<void> {
    const { names, log } = ctx.state;
    const origin = originOfSignal(ctx, from);
    await this.#parts.floodRecorder.record(refusedSignal(origin, this.#kind, why));
    log.info({ request_id: names.requestId, inbox: this.#kind, why }, 'an inbox message was refused');
  }

  /** Resolves to whether the message counts. It does not if its key was revoked, and is then recorded as refused. */
  async act(
    ctx: Context,
    read: SignedMessage,
    targets: readonly Target[],
    { only = unrestricted, happenedAt = read.issuedAt }: Limits = {},
  ): Promise<boolean> {
    const { store, policy, floodRecorder } = this.#parts;
    const { issuer, keyThumbprint, jti } = read;
    const origin = originOfSignal(ctx, issuer.issuer);
    const signal = { kind: this.#kind, issuer, keyThumbprint, happenedAt, jti, targets, only, origin };
    const { status } = await receiveSignal(store, policy, signal);
    if (status === 'key_revoked') {
      await this.refuse(ctx, status);
      return false;
    }
    // Anyone who has seen a message can send it again.
    if (status === 'repeated') await floodRecorder.record(ignoredSignal(signal, 'repeated'));
    const { names, log } = ctx.state;
    log.info({ request_id: names.requestId, inbox: this.#kind, issuer: issuer.issuer, status }, 'inbox');
    return true;
  }
}

/** The channel is `inbox`, though the endpoints are of several families. `from` is the sender, if that is certain. */
function originOfSignal(ctx: Context, from: string | null): Origin {
  return { ...originOf(ctx, { kind: 'system', id: from }), channel: 'inbox' };
}
