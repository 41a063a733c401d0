// POST /security-events: Security Event Tokens by push (RFC 8935), CAEP session-revoked. 202, or 400 with `err`.
import { nameSubject } from '../../domain/revoke/subject-identifier.ts';
import type { Target } from '../../domain/targets.ts';
import { isObject } from '../../domain/values/json-values.ts';
import type { SignalFault } from '../../jwt/signal-verifier.ts';
import { Refusal } from '../../wire/refusal.ts';
import { type Context, isOfType } from '../context.ts';
import { readBody } from '../reading/body.ts';
import { respond } from '../respond.ts';
import { type InboxParts, SignalReceiver } from './signal-receiver.ts';

const eventType = 'application/secevent+jwt';
const types = ['secevent+jwt'];
const sessionRevoked = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
const notAccepted = 'the event token is not accepted';

export function handleSecurityEvents(parts: InboxParts) {
  const receiver = new SignalReceiver('security_events', parts);
  return async function securityEvents(ctx: Context): Promise<void> {
    if (!isOfType(ctx, eventType))
      throw new Refusal('unsupported_media_type', `the content type must be ${eventType}`);
    const message = (await readBody(ctx)).toString().trim();
    ctx.state.names.understood([message]);
    const read = await receiver.read(message, types);
    if (!read.ok) {
      await receiver.refuse(ctx, read.why);
      return answerError(ctx, errOf[read.why], notAccepted);
    }
    const refuse = async (why: string, err: string, description: string) => {
      await receiver.refuse(ctx, why, read.issuer.issuer);
      answerError(ctx, err, description);
    };
    const { events, sub_id } = read.payload;
    // RFC 8417 §2.2: the value of each event is an object, which may be empty.
    if (!isObject(events) || !Object.values(events).every(isObject))
      return refuse('malformed', 'invalid_request', 'events is missing or malformed');
    const event = events[sessionRevoked];
    // The verification event, or events that we do not act on.
    if (!isObject(event)) return answerReceived(ctx, await receiver.act(ctx, read, []));
    const at = event.event_timestamp;
    // CAEP 1.0 §2. Taken for absent, it would end logins that are newer than the event.
    if (at !== undefined && typeof at !== 'number')
      return refuse('malformed', 'invalid_request', 'event_timestamp must be of type number');
    // It would end nothing, and its sender would take it for done.
    if (at !== undefined && at < 0)
      return refuse('malformed', 'invalid_request', 'event_timestamp is before 1970');
    const subject = sub_id ?? event.subject;
    const named = nameSubject(read.inbox, subject);
    if (named.status !== 'named') {
      const err = named.status === 'not_governed' ? 'access_denied' : 'invalid_request';
      return refuse(named.status, err, 'the subject is not accepted');
    }
    // What a message tells of happened before it was issued. Some senders count milliseconds.
    const happenedAt = at !== undefined ? Math.min(at * 1000, read.issuedAt) : read.issuedAt;
    const targets = isOpaque(subject) ? named.targets.flatMap(withSession) : named.targets;
    answerReceived(ctx, await receiver.act(ctx, read, targets, { happenedAt }));
  };
}

function isOpaque(subject: unknown): boolean {
  return (
    isObject(subject) && subject.format === 'opaque' && !isObject(subject.user) && !isObject(subject.session)
  );
}

/** A simple subject may be the session itself, as in the first example of CAEP 1.0 §3.1, or its user. */
function withSession(user: Target): Target[] {
  return [user, { ...user, kind: 'session' }];
}

/** RFC 8935 §2.4. */
const errOf: Readonly<Record<SignalFault, string>> = {
  malformed: 'invalid_request',
  missing_claims: 'invalid_request',
  expired: 'invalid_request',
  not_yet_valid: 'invalid_request',
  unknown_issuer: 'invalid_issuer',
  wrong_audience: 'invalid_audience',
  bad_signature: 'authentication_failed',
};

function answerReceived(ctx: Context, counts: boolean): void {
  if (counts) {
    ctx.body = null;
    ctx.status = 202;
  } else {
    // Its key was revoked.
    answerError(ctx, 'invalid_key', notAccepted);
  }
}

function answerError(ctx: Context, err: string, description: string): void {
  ctx.set('Content-Language', 'en');
  respond(ctx, 400, { err, description });
}
