// The sessions of a user as a page that lists their devices shows them: which are alive.
import { isSessionLiving } from '../living-units.ts';
import type { Session } from '../sessions.ts';
import type { Facts, Store } from '../store.ts';

/** Sessions per question: a page of 1000 takes ten places in the queue, not 1000. */
const devicesPerQuestion = 100;

export interface Device {
  readonly session: Session;
  readonly active: boolean;
}

/** Which of these sessions still have a token that is alive? */
export async function describeDevices(store: Store, sessions: readonly Session[]): Promise<Device[]> {
  const devices: Device[] = [];
  for (let from = 0; from < sessions.length; from += devicesPerQuestion) {
    const some = sessions.slice(from, from + devicesPerQuestion);
    const asked = (facts: Facts, now: number) =>
      facts.each(some, (session) => ({ session, active: isSessionLiving(facts, session, now) }));
    devices.push(...(await store.ask(asked, 'bulk')));
  }
  return devices;
}
