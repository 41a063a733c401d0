// Counts failed authentications per (client, address) and per address: never per client alone, or anyone
// could lock a client out. It is asked after the secret was found wrong, so a right secret never meets it.
// Workers of one server count together, in its first process.
import { isIPv6 } from 'node:net';
import { RateLimiterCluster, RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';

const windowSeconds = 60;
const groupsOfIPv6 = 8;
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
    const waits = [await consume(this.#perAddress, network)];
    if (clientId !== null) waits.push(await consume(this.#perClient, `${network} ${clientId.slice(0, 255)}`));
    return Math.max(...waits);
  }
}

async function consume(limiter: Limiter, key: string): Promise<number> {
  try {
    await limiter.consume(key);
    return 0;
  } catch (refused) {
    // A failure that nobody counted is one too many.
    if (refused instanceof Error) return 1;
    return Math.max(1, Math.ceil((refused as RateLimiterRes).msBeforeNext / 1000));
  }
}

/** One IPv6 host commands a whole /64. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const parts = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const [head = [], tail = []] = parts;
  const zeros = Array<string>(groupsOfIPv6 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...tail].slice(0, groupsOfIPv6 / 2).join(':');
}
