// What time it is, for questions and decisions alike. Not earlier than it was at the last decision of any process: a
// cutoff must cover what was registered before it, also when a clock is set back, by hand, by NTP, or because the
// database moved to another machine.

/** Time waits this long for a clock that was set back. What is more corrects a clock that was wrong. */
const stepMsMax = 3_600_000;

/** Milliseconds since the epoch, as are both arguments. */
export function timeAfter(stampedAt: number, clock: number): number {
  const stepMs = stampedAt - clock;
  return stepMs > 0 && stepMs <= stepMsMax ? stampedAt : clock;
}
