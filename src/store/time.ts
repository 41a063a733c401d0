// The time for questions and decisions. It is never earlier than at the last decision of any process: a cutoff must
// cover what was registered before it, even if a clock was set back by hand, by NTP, or because the database moved to
// another machine.

/**
 * Time stands still for at most this long after a clock was set back. A larger step corrects a clock that was wrong.
 */
const stepMsMax = 3_600_000;

/** Milliseconds since the epoch, as are both arguments. */
export function timeAfter(stampedAt: number, clock: number): number {
  const stepMs = stampedAt - clock;
  return stepMs > 0 && stepMs <= stepMsMax ? stampedAt : clock;
}
