// Counts failed authentications per (client, address) and per address: never per client alone, or anyone
// could lock a client out. It is asked after the secret was found wrong, so a right secret never meets it.
import { isIPv6 } from 'node:net';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';

const windowSeconds = 60;
const addressFactor = 10;

export class Throttle {
  readonly #perClient: RateLimiterMemory;
  readonly #perAddress: RateLimiterMemory;

  constructor(failuresPerMinuteMax: number) {
    this.#perClient = new RateLimiterMemory({ points: failuresPerMinuteMax, duration: windowSeconds });
    this.#perAddress = new RateLimiterMemory({
      points: failuresPerMinuteMax * addressFactor,
      duration: windowSeconds,
    });
  }

  /** Counts a failure. Resolves to the seconds to wait when there were too many, else to 0. */
  async fail(clientId: string | null, address: string): Promise<number> {
    const network = networkOf(address);
    const waits = [await consume(this.#perAddress, network)];
    if (clientId !== null) waits.push(await consume(this.#perClient, `${network} ${clientId.slice(0, 255)}`));
    return Math.max(...waits);
  }
}

async function consume(limiter: RateLimiterMemory, key: string): Promise<number> {
  try {
    await limiter.consume(key);
    return 0;
  } catch (refused) {
    return Math.max(1, Math.ceil((refused as RateLimiterRes).msBeforeNext / 1000));
  }
}

/** One IPv6 host commands a whole /64. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':');
  if (tail !== undefined) while (groups.length < 4) groups.push('0');
  return groups.slice(0, 4).join(':');
}
