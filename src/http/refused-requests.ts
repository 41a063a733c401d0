// Refused requests of authenticated callers: each is an event, within the limits of floods, unless the operation has
// written its own. Refused requests of strangers are in the metrics, and in `client_auth_failed` if they tried to
// pass for a client.
import { eventOf } from '../domain/audit.ts';
import { type Refusal, refusalCodes } from '../wire/refusal.ts';
import type { Context } from './context.ts';
import type { FloodRecorder } from './flood-recorder.ts';
import { originOf } from './origin.ts';

/** Resolves when it is durable, or at once when there is nothing to write or it is only counted. */
export async function recordRefusal(
  floodRecorder: FloodRecorder,
  ctx: Context,
  refusal: Refusal,
): Promise<void> {
  const { caller, route } = ctx.state;
  const { status } = refusalCodes[refusal.code];
  if (caller === null || refusal.isRecorded || status >= 500) return;
  const { metadata, ...named } = refusal.about;
  await floodRecorder.record(
    eventOf(originOf(ctx, caller), 'request_refused', {
      ...named,
      metadata: { ...metadata, code: refusal.code, method: ctx.method, route },
    }),
  );
}
