// POST /v1/tokens: issuers register what they hand out; one token, an array, or a stream of lines.
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Caller } from '../../domain/records/clients.ts';
import { Refusal } from '../../wire/refusal.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import { bodyBytesMax, demandPlain } from '../body.ts';
import { type Context, isOfType } from '../context.ts';
import { parseJson, readJsonOfSize, secretsIn } from '../json.ts';
import { respond } from '../respond.ts';
import { dropChosenNames, protect } from '../secrecy.ts';
import { bePatient, type PatientBody, requestTimeoutMs } from '../unreadable.ts';
import { inTurn } from './in-turn.ts';
import { ndjsonLines } from './ndjson.ts';
import { type IntakeParts, type ItemAnswer, TokenIntake } from './token-intake.ts';

export interface TokensParts extends IntakeParts {
  readonly auth: ClientAuth;
}

const arrayItemsMax = 1000;
const arrayBytesMax = 1_048_576;
/**
 * Items of an array or a stream that are registered side by side, and share commits: were there more, the memory that
 * they hold would cost more than it gains.
 */
const itemsAtOnce = 200;
/** Bytes of answers that wait for a caller that sends all before reading any; beyond it, reading its lines pauses. */
const bytesAhead = 8 * 2 ** 20;
const stalled = `nothing more came for ${requestTimeoutMs / 1000} seconds`;

export function handleRegisterTokens(parts: TokensParts) {
  const { auth } = parts;
  const intake = new TokenIntake(parts);
  return async function registerTokens(ctx: Context): Promise<void> {
    const registrar = await auth.permitWithin(ctx, 'register');
    if (isOfType(ctx, 'application/x-ndjson')) return registerStream(ctx, registrar, intake);
    const { value, bytes } = await readJsonOfSize(ctx, arrayBytesMax);
    if (Array.isArray(value)) return registerArray(ctx, registrar, intake, value);
    if (bytes > bodyBytesMax) throw new Refusal('too_large', `a single token is over ${bodyBytesMax} bytes`);
    const { http_status, ...item } = await intake.register(ctx, registrar, value);
    respond(ctx, http_status, item);
  };
}

function registerStream(ctx: Context, registrar: Caller, intake: TokenIntake): void {
  demandPlain(ctx);
  // The caller's request id could be a token in a later line.
  ctx.state.requestId = randomUUID();
  ctx.state.isRead = true;
  ctx.status = 200;
  ctx.set('Content-Type', 'application/x-ndjson');
  const turn = inTurn();
  const answers = answerLines(bePatient(ctx.req, ctx.res), (index, value) => {
    if (value instanceof Refusal) dropChosenNames(ctx);
    else protect(ctx, secretsIn(value));
    return intake.registerItem(ctx, registrar, turn, index, value);
  });
  ctx.body = Readable.from(answers, { objectMode: false, highWaterMark: bytesAhead });
}

/** The next group is prepared while one is committed. */
async function registerArray(
  ctx: Context,
  registrar: Caller,
  intake: TokenIntake,
  values: readonly unknown[],
): Promise<void> {
  if (values.length > arrayItemsMax) {
    const message = `an array holds at most ${arrayItemsMax} tokens; send more as application/x-ndjson`;
    throw new Refusal('too_many_items', message);
  }
  const turn = inTurn();
  const items: ItemAnswer[] = [];
  let before: Promise<ItemAnswer[]> | undefined;
  for (let from = 0; from < values.length; from += itemsAtOnce) {
    const group = values
      .slice(from, from + itemsAtOnce)
      .map((value, n) => intake.registerItem(ctx, registrar, turn, from + n, value));
    if (before) items.push(...(await before));
    before = Promise.all(group);
  }
  if (before) items.push(...(await before));
  respond(ctx, 200, { items });
}

/**
 * Answers group by group while the request is still being read: constant memory for any number of lines. It reads on only
 * when a group is answered, as the caller may wait for that.
 */
async function* answerLines(
  body: PatientBody,
  register: (index: number, value: unknown) => Promise<ItemAnswer>,
): AsyncGenerator<string> {
  let index = 0;
  let group: Promise<ItemAnswer>[] = [];
  for await (const line of ndjsonLines(body.stream, bodyBytesMax)) {
    group.push(register(index++, parseLine(line)));
    if (group.length < itemsAtOnce) continue;
    yield toLines(await Promise.all(group));
    group = [];
  }
  if (body.isStalled) group.push(register(index, new Refusal('invalid_request', stalled)));
  if (group.length > 0) yield toLines(await Promise.all(group));
}

function toLines(items: readonly ItemAnswer[]): string {
  return items.map((item) => `${JSON.stringify(item)}\n`).join('');
}

function parseLine(line: Buffer | null): unknown {
  if (line === null) return new Refusal('too_large', `a line is over ${bodyBytesMax} bytes`);
  try {
    return parseJson(line, 'the line');
  } catch (refusal) {
    return refusal;
  }
}
