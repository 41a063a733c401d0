// Inboxes: standard signals of other systems become revocations. Off until an issuer's record names one.
// OpenID Connect Back-Channel Logout 1.0, Global Token Revocation (draft-parecki-oauth-global-token-
// revocation), and Security Event Tokens by push (RFC 8935) with CAEP session-revoked.
import { isId } from '../domain/claims.ts';
import { type Restriction, unrestricted } from '../domain/cutoffs.ts';
import type { InboxKind } from '../domain/issuers.ts';
import { isObject } from '../domain/jwt-shape.ts';
import type { Policy } from '../domain/policy.ts';
import {
  ignoredSignal,
  nameSubject,
  receiveSignal,
  refusedSignal,
  type SubjectIdentifier,
  type SubjectNamed,
} from '../domain/receive-signal.ts';
import type { Store } from '../domain/store.ts';
import type { Target } from '../domain/targets.ts';
import type { SignalFault, SignalRead, SignalVerifier } from '../jwt/signal-verifier.ts';
import { bearerChallenge } from './client-auth.ts';
import { bearerOf, type Context, originOf, protect } from './context.ts';
import type { FloodRecorder } from './flood-recorder.ts';
import { readBody, readForm, readingBody } from './form.ts';
import { readJson } from './json.ts';
import { missingParameter, Refusal } from './refusal.ts';
import { respond } from './respond.ts';

export interface InboxParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly signals: SignalVerifier;
  readonly recorder: FloodRecorder;
  readonly now: () => number;
}

const tenMinutesMs = 600_000;
const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';
const sessionRevoked = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

type Read = Extract<SignalRead, { ok: true }>;

export function handleInboxes(parts: InboxParts) {
  const { store, policy, signals, recorder, now } = parts;

  /** `from` is who sent the message, where that is certain. */
  const refuse = async (
    ctx: Context,
    kind: InboxKind,
    why: string,
    from: string | null = null,
  ): Promise<void> => {
    const origin = { ...originOf(ctx, { kind: 'system', id: from }), channel: 'inbox' } as const;
    await recorder.record(refusedSignal(origin, kind, why));
    ctx.state.log.info({ request_id: ctx.state.requestId, inbox: kind, why }, 'an inbox message was refused');
  };
  /** Resolves to whether the message counts: not when its key was revoked, which is then on record as refused. */
  const act = async (
    ctx: Context,
    kind: InboxKind,
    read: Read,
    targets: readonly Target[],
    only: Restriction = unrestricted,
    happenedAt = read.issuedAt,
  ): Promise<boolean> => {
    const { issuer, keyThumbprint, jti } = read;
    const origin = { ...originOf(ctx, { kind: 'system', id: issuer.issuer }), channel: 'inbox' } as const;
    const signal = { kind, issuer, keyThumbprint, happenedAt, jti, targets, only, origin };
    const { status } = await receiveSignal(store, policy, signal);
    if (status === 'key_revoked') {
      await refuse(ctx, kind, status);
      return false;
    }
    // Anyone who has seen a message can send it again.
    if (status === 'repeated') await recorder.record(ignoredSignal(signal, 'repeated'));
    ctx.state.log.info(
      { request_id: ctx.state.requestId, inbox: kind, issuer: issuer.issuer, status },
      'inbox',
    );
    return true;
  };

  return {
    /** OpenID Connect Back-Channel Logout 1.0 §2.5 - §2.8. */
    async backchannelLogout(ctx: Context): Promise<void> {
      const kind = 'backchannel_logout';
      const logoutToken = (await readForm(ctx)).get('logout_token');
      if (logoutToken === undefined) throw missingParameter('logout_token');
      const read = await signals.read(logoutToken, kind, ['logout+jwt', 'jwt', '']);
      const why = read.ok ? faultOfLogout(read, now()) : read.why;
      if (!read.ok || why !== undefined) {
        await refuse(ctx, kind, why ?? 'malformed', read.ok ? read.issuer.issuer : null);
        throw logoutTokenRefused();
      }
      const { sub, sid } = read.payload;
      const { audience, governs, keepsOffline } = read.inbox;
      const only = { clientId: audience, tokenUse: null, online: keepsOffline };
      const named =
        sid === undefined ? { kind: 'subject', id: String(sub) } : { kind: 'session', id: String(sid) };
      const targets = governs.map((issuer) => ({ ...named, issuer }) as Target);
      if (!(await act(ctx, kind, read, targets, only))) throw logoutTokenRefused();
      respond(ctx, 200, {});
    },

    async globalTokenRevocation(ctx: Context): Promise<void> {
      const kind = 'global_token_revocation';
      const assertion = bearerOf(ctx);
      protect(ctx, [assertion ?? '']);
      const read: SignalRead =
        assertion === undefined
          ? { ok: false, why: 'malformed' }
          : // Untyped, an ID or access token for this audience would do, too (RFC 8725 §3.11).
            await signals.read(assertion, kind, ['global-token-revocation+jwt']);
      const why = read.ok ? faultOfCaller(read, now()) : read.why;
      if (!read.ok || why !== undefined) {
        await refuse(ctx, kind, why ?? 'malformed', read.ok ? read.issuer.issuer : null);
        throw bearerRefused();
      }
      const from = read.issuer.issuer;
      const body = await readJson(ctx).catch(async (error) => {
        if (error instanceof Refusal) await refuse(ctx, kind, 'malformed', from);
        throw error;
      });
      const id = isObject(body) ? (body.sub_id ?? body.subject) : undefined;
      const named = toNamed(read, id);
      if (named.status !== 'named') await refuse(ctx, kind, named.status, from);
      switch (named.status) {
        case 'named':
          if (!(await act(ctx, kind, read, named.targets))) throw bearerRefused();
          ctx.status = 204;
          return;
        case 'not_governed':
          throw new Refusal('insufficient_permission', 'this caller may not end tokens of that issuer');
        case 'not_mapped':
          throw new Refusal('not_found', 'no user is known by such an identifier');
        case 'malformed':
          throw new Refusal('invalid_request', 'sub_id is missing or of a format that is not known');
        default:
          named satisfies never;
      }
    },

    /** RFC 8935 §2: 202, or 400 with `err`. */
    async securityEvents(ctx: Context): Promise<void> {
      const kind = 'security_events';
      if (!/^application\/secevent\+jwt *(?:;|$)/i.test(ctx.get('content-type')))
        return answerError(ctx, 'invalid_request', 'the content type must be application/secevent+jwt');
      const message = (await readingBody(ctx, readBody)).toString().trim();
      protect(ctx, [message]);
      const read = await signals.read(message, kind, ['secevent+jwt']);
      if (!read.ok) {
        await refuse(ctx, kind, read.why);
        return answerError(ctx, errOf[read.why], eventTokenRefused);
      }
      const from = read.issuer.issuer;
      const { events, sub_id } = read.payload;
      // RFC 8417 §2.2: the value of each event is an object, be it an empty one.
      if (!isObject(events) || !Object.values(events).every(isObject)) {
        await refuse(ctx, kind, 'malformed', from);
        return answerError(ctx, 'invalid_request', 'events is missing or malformed');
      }
      const event = events[sessionRevoked];
      if (!isObject(event)) {
        // The verification event, and events that are none of ours to act on.
        return answerReceived(ctx, await act(ctx, kind, read, []));
      }
      const named = toNamed(read, sub_id ?? event.subject);
      if (named.status !== 'named') {
        await refuse(ctx, kind, named.status, from);
        const isDenied = named.status === 'not_governed';
        return answerError(
          ctx,
          isDenied ? 'access_denied' : 'invalid_request',
          'the subject is not accepted',
        );
      }
      const at = event.event_timestamp;
      const happenedAt = typeof at === 'number' ? at * 1000 : read.issuedAt;
      answerReceived(ctx, await act(ctx, kind, read, named.targets, unrestricted, happenedAt));
    },
  };
}

function logoutTokenRefused(): Refusal {
  return new Refusal('invalid_request', 'the logout token is not accepted');
}

function bearerRefused(): Refusal {
  return new Refusal('invalid_token', 'the bearer token is not accepted', { headers: bearerChallenge });
}

function faultOfLogout({ payload, ...read }: Read, now: number): string | undefined {
  const { events, nonce, sub, sid, exp } = payload;
  if (nonce !== undefined) return 'nonce';
  if (exp === undefined) return 'missing_claims';
  if (!isObject(events) || !isObject(events[logoutEvent])) return 'events';
  if (sub === undefined && sid === undefined) return 'missing_claims';
  if (![sub, sid].every((name) => name === undefined || isId(name))) return 'malformed';
  return isRecent({ payload, ...read }, now) ? undefined : 'iat';
}

function faultOfCaller(read: Read, now: number): SignalFault | undefined {
  if (read.payload.exp === undefined) return 'missing_claims';
  return isRecent(read, now) ? undefined : 'expired';
}

function isRecent({ issuedAt }: Read, now: number): boolean {
  return Math.abs(now - issuedAt) <= tenMinutesMs;
}

/**
 * A complex subject of CAEP names the session, where it does, and else the user. All its members are meant (RFC 9493
 * §3.3): of a session whose own or whose user's issuer is named, no other issuer's is ended.
 */
function toNamed({ inbox }: Read, id: unknown): SubjectNamed {
  if (!isObject(id)) return { status: 'malformed' };
  const { session, user } = id;
  if (isObject(session)) {
    const sessionId = session.id;
    if (!isId(sessionId)) return { status: 'malformed' };
    const named = [session.iss, isObject(user) ? user.iss : undefined].filter((iss) => iss !== undefined);
    const issuers = inbox.governs.filter((issuer) => named.every((iss) => iss === issuer));
    if (issuers.length === 0) return { status: 'not_governed' };
    return {
      status: 'named',
      targets: issuers.map((issuer) => ({ kind: 'session', issuer, id: sessionId })),
    };
  }
  const simple = isObject(user) ? user : id;
  const format = simple.format ?? simple.subject_type;
  return typeof format === 'string'
    ? nameSubject(inbox, { ...simple, format: format.replace('-', '_') } as SubjectIdentifier)
    : { status: 'malformed' };
}

/** RFC 8935 §2.4. */
const errOf: Readonly<Record<SignalFault, string>> = {
  malformed: 'invalid_request',
  missing_claims: 'invalid_request',
  expired: 'invalid_request',
  unknown_issuer: 'invalid_issuer',
  wrong_audience: 'invalid_audience',
  bad_signature: 'authentication_failed',
};

const eventTokenRefused = 'the event token is not accepted';

function answerReceived(ctx: Context, counts: boolean): void {
  if (counts) {
    ctx.body = null;
    ctx.status = 202;
  } else {
    answerError(ctx, errOf.bad_signature, eventTokenRefused);
  }
}

function answerError(ctx: Context, err: string, description: string): void {
  ctx.set('Content-Language', 'en');
  respond(ctx, 400, { err, description });
}
