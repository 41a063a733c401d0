// What was done to a trail where it is not what was sealed: an event altered, removed, slipped in or moved. Looks a
// whole seal's range ahead for where the events have gone.
import { leafOf, type RecordedEvent } from './audit-leaf.ts';
import { atEvent, type Finding } from './finding.ts';
import type { LookAhead } from './look-ahead.ts';
import { markAt, markOf, type Seal, sealEventsMax } from './seals.ts';
import type { CheckedEvent } from './verify-trail.ts';

type Events = LookAhead<CheckedEvent>;

/** Another number stands where `seq` is due. */
export async function diagnosePlace(events: Events, seq: number, seal: Seal | null): Promise<Finding> {
  const stands = ((await events.peek()) as CheckedEvent).event.seq;
  if (stands < seq) return atEvent('inserted', stands, seal, `it stands where ${seq} is due`);
  for (let ahead = 1; ahead < sealEventsMax; ahead++) {
    const later = await events.peek(ahead);
    if (!later) break;
    if (later.event.seq === seq) return atEvent('reordered', seq, seal, `it stands after ${stands}`);
  }
  return atEvent('missing', seq, seal, `${stands} stands where it is due`);
}

/** The right number, but not what was sealed under it: is it here under another one? */
export async function diagnoseContent(
  events: Events,
  seq: number,
  seal: Seal,
  chain: readonly Seal[],
): Promise<Finding> {
  const { event } = (await events.peek()) as CheckedEvent;
  const following = (await events.peek(1))?.event;
  const isNext = following !== undefined && wasSealedAs(following, seq, chain);
  for (let other = seq + 1; other < seq + sealEventsMax; other++) {
    if (!wasSealedAs(event, other, chain)) continue;
    const there = (await events.peek(other - seq))?.event;
    if (there && wasSealedAs(there, seq, chain))
      return atEvent('reordered', seq, seal, `it and ${other} have changed places`);
    // A copy of a later event may have been slipped in.
    if (isNext) break;
    return atEvent('missing', seq, seal, `what was ${other} stands in its place`);
  }
  if (isNext)
    return atEvent('inserted', seq, seal, `what was ${seq} was moved to ${following.seq} to make room`);
  return atEvent('altered', seq, seal, 'it is not what was sealed');
}

function wasSealedAs(event: RecordedEvent, seq: number, chain: readonly Seal[]): boolean {
  const seal = chain.find(({ first, last }) => first <= seq && seq <= last);
  return seal !== undefined && markOf(leafOf({ ...event, seq })) === markAt(seal, seq);
}
