// Audit events: what is written down of every change and refusal. Here is their shape and how one is made
// from a request's origin and a token's claims; storage gives them their sequence and time.
import { type Claims, tokenRef } from './claims.ts';
import type { ActorKind, AuditAction, Channel } from './vocabulary.ts';

export interface Actor {
  readonly kind: ActorKind;
  readonly id: string | null;
}

/** Where a request came from; every event of the request bears it. */
export interface Origin {
  readonly actor: Actor;
  readonly channel: Channel;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
}

export interface NewEvent extends Origin {
  readonly action: AuditAction;
  /** A code; free text is kept apart in `reasonText`. */
  readonly reason: string | null;
  readonly reasonText: string | null;
  readonly userId: string | null;
  readonly clientId: string | null;
  readonly sessionId: string | null;
  readonly tokenRef: string | null;
  /** How many occurrences this event stands for. */
  readonly count: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface AuditEvent extends NewEvent {
  /** Dense, in commit order. */
  readonly seq: number;
  readonly at: number;
}

type Details = Partial<Omit<NewEvent, keyof Origin | 'action'>>;
/** Who and what an event is about. */
export type NamedInEvent = Pick<Details, 'userId' | 'clientId' | 'sessionId' | 'tokenRef' | 'metadata'>;

export function eventOf(origin: Origin, action: AuditAction, details: Details = {}): NewEvent {
  return {
    reason: null,
    reasonText: null,
    userId: null,
    clientId: null,
    sessionId: null,
    tokenRef: null,
    count: 1,
    metadata: {},
    action,
    actor: origin.actor,
    channel: origin.channel,
    ip: origin.ip,
    userAgent: origin.userAgent,
    requestId: origin.requestId,
    ...details,
  };
}

/** The members of an event that name the token it is about. */
export function about(claims: Claims): NamedInEvent {
  return {
    userId: claims.subject,
    clientId: claims.clientId,
    sessionId: claims.sessionId,
    tokenRef: tokenRef(claims),
  };
}

export const systemOrigin: Origin = {
  actor: { kind: 'system', id: null },
  channel: 'system',
  ip: null,
  userAgent: null,
  requestId: null,
};
