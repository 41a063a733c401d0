// Counts failed authentications per (client, address) and per address: never per client alone, or anyone could lock a
// client out. Called only after the secret was found wrong, so a right one is never held up. Workers of one server
// count together, in its first process.
import { RateLimiterCluster, RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { networkOf } from '../../addresses.ts';

const windowSeconds = 60;
const addressFactor = 10;
/** How long the first process may take to count. */
const timeoutMs = 2_000;

type Limiter = RateLimiterCluster | RateLimiterMemory;

export class Throttle {
  readonly #perClient: Limiter;
  readonly #perAddress: Limiter;

  /** `isShared`: other workers of this server count the same failures. */
  constructor(failuresPerMinuteMax: number, isShared: boolean) {
    const limiterOf = (keyPrefix: string, points: number): Limiter => {
      const options = { keyPrefix, points, duration: windowSeconds };
      return isShared ? new RateLimiterCluster({ ...options, timeoutMs }) : new RateLimiterMemory(options);
    };
    this.#perClient = limiterOf('client', failuresPerMinuteMax);
    this.#perAddress = limiterOf('address', failuresPerMinuteMax * addressFactor);
  }

  /** Counts a failure. Resolves to the seconds to wait when there were too many, else to 0. */
  async fail(clientId: string | null, address: string): Promise<number> {
    const network = networkOf(address);
    const wait = await consume(this.#perAddress, network);
    // From here on names are not counted, as one address could make up any number of them.
    if (wait > 0 || clientId === null) return wait;
    return consume(this.#perClient, `${network} ${clientId.slice(0, 255)}`);
  }
}

async function consume(limiter: Limiter, key: string): Promise<number> {
  try {
    await limiter.consume(key);
    return 0;
  } catch (refused) {
    // A failure that could not be counted is treated as one too many.
    if (refused instanceof Error) return 1;
    const seconds = Math.ceil((refused as RateLimiterRes).msBeforeNext / 1000);
    // The library counts by a timer but tells the time by the clock, which may have been set back.
    return Math.min(Math.max(1, seconds), windowSeconds);
  }
}
