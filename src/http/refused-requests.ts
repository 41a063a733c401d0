// Requests of callers who proved who they are and were refused all the same: each is an event, within the
// limits of floods. What the operation itself has written down is not written twice; what strangers send
// is in the metrics, and in `client_auth_failed` where they tried to pass for someone.
import { eventOf } from '../domain/audit.ts';
import { type Refusal, refusalCodes } from '../wire/refusal.ts';
import type { Context } from './context.ts';
import type { FloodRecorder } from './flood-recorder.ts';
import { originOf } from './secrecy.ts';

/** Resolves when it is durable, or at once when there is nothing to write or it is only counted. */
export async function recordRefusal(recorder: FloodRecorder, ctx: Context, refusal: Refusal): Promise<void> {
  const { caller, route } = ctx.state;
  const { status } = refusalCodes[refusal.code];
  if (caller === null || refusal.isRecorded || status >= 500) return;
  const { metadata, ...named } = refusal.about;
  await recorder.record(
    eventOf(originOf(ctx, caller), 'request_refused', {
      ...named,
      metadata: { ...metadata, code: refusal.code, method: ctx.method, route },
    }),
  );
}
