// Bodies as bytes: plain, and no larger than the endpoint allows. form.ts and json.ts say what the bytes mean.
import { addPiece } from '../../domain/values/pieces.ts';
import { Refusal } from '../../wire/refusal.ts';
import type { Context } from '../context.ts';
import { inviteBody } from './body-flow.ts';

export const bodyBytesMax = 65_536;

/**
 * A body of at most `bytesMax` bytes, of any type. Who parses it tells `names.understood` which secrets it holds: until
 * then its sender's request id and User-Agent are not trusted (`ChosenNames`).
 */
export function readBody(ctx: Context, bytesMax: number = bodyBytesMax): Promise<Buffer> {
  const { req: request } = ctx;
  const { names, bodies } = ctx.state;
  return new Promise((resolve, reject) => {
    demandPlain(ctx);
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax);
    inviteBody(request, ctx.res);
    const chunks: Buffer[] = [];
    let length = 0;
    const giveUp = (error: Error) => {
      // The rest of the body is still to come, and must not be kept.
      request.off('data', take);
      chunks.length = 0;
      bodies.release(giveUp);
      reject(error);
    };
    const take = (chunk: Buffer) => {
      length += chunk.length;
      if (length > bytesMax) return giveUp(tooLarge(bytesMax));
      addPiece(chunks, chunk);
      if (!request.complete) bodies.hold(giveUp, chunk.length);
    };
    request.on('data', take);
    request.on('end', () => {
      bodies.release(giveUp);
      const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      names.received(body);
      resolve(body);
    });
    request.on('error', () => giveUp(new Refusal('invalid_request', 'the body ended early')));
  });
}

/** Refuses compressed bodies, which Node does not decompress, and says what is taken instead (RFC 9110 §12.5.3). */
export function demandPlain(ctx: Context): void {
  if (/^(?:identity)?$/i.test(ctx.req.headers['content-encoding'] ?? '')) return;
  throw new Refusal('unsupported_media_type', 'a content encoding is not accepted here', {
    headers: { 'Accept-Encoding': 'identity' },
  });
}

function tooLarge(bytesMax: number): Refusal {
  return new Refusal('too_large', `the body is over ${bytesMax} bytes`);
}
