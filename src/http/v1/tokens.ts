// POST /v1/tokens: issuers register what they hand out; one token, an array, or a stream of lines.
import { Readable } from 'node:stream';
import type { Caller } from '../../domain/records/clients.ts';
import { Refusal } from '../../wire/refusal.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import { requestTimeoutMs } from '../connection/request-limits.ts';
import { type Context, isOfType } from '../context.ts';
import { bodyBytesMax, demandPlain } from '../reading/body.ts';
import { type StreamedBody, streamBody } from '../reading/body-flow.ts';
import { parseJson, readJsonOfSize } from '../reading/json.ts';
import { respond } from '../respond.ts';
import { secretsIn } from '../secrecy.ts';
import { inGroups } from './in-groups.ts';
import { inTurn } from './in-turn.ts';
import { ndjsonLines } from './ndjson.ts';
import { type IntakeParts, type ItemAnswer, TokenIntake } from './token-intake.ts';

export interface TokensParts extends IntakeParts {
  readonly auth: ClientAuth;
}

const arrayItemsMax = 1000;
const arrayBytesMax = 1_048_576;
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
  const { names } = ctx.state;
  names.beginStream();
  ctx.status = 200;
  ctx.set('Content-Type', 'application/x-ndjson');
  const turn = inTurn();
  const groups = inGroups(linesOf(streamBody(ctx.req, ctx.res)), (index, line) => {
    const value = line instanceof Refusal ? line : parseLine(line);
    if (value instanceof Refusal) names.distrust();
    else names.hide(secretsIn(value));
    return intake.registerItem(ctx, registrar, turn, index, value);
  });
  ctx.body = Readable.from(toLines(groups), { objectMode: false, highWaterMark: bytesAhead });
}

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
  const groups = inGroups(inOneChunk(values), (index, value) =>
    intake.registerItem(ctx, registrar, turn, index, value),
  );
  for await (const answers of groups) items.push(...answers);
  respond(ctx, 200, { items });
}

/** A Refusal stands for lines that did not come. */
async function* linesOf(body: StreamedBody): AsyncGenerator<readonly (Buffer | null | Refusal)[]> {
  yield* ndjsonLines(body.stream, bodyBytesMax);
  if (body.isStalled) yield [new Refusal('invalid_request', stalled)];
}

async function* toLines(groups: AsyncIterable<readonly ItemAnswer[]>): AsyncGenerator<string> {
  for await (const items of groups) yield items.map((item) => `${JSON.stringify(item)}\n`).join('');
}

async function* inOneChunk<Item>(items: readonly Item[]): AsyncGenerator<readonly Item[]> {
  yield items;
}

function parseLine(line: Buffer | null): unknown {
  if (line === null) return new Refusal('too_large', `a line is over ${bodyBytesMax} bytes`);
  try {
    return parseJson(line, bodyBytesMax, 'the line');
  } catch (refusal) {
    return refusal;
  }
}
