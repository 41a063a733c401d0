// Peer addresses: their normal form, and which peers are trusted to name the caller's address.
import { BlockList, isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';

const groupsOfIPv6 = 8;

/** An address, or a block such as 10.0.0.0/8. */
export function isCidr(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  // IPv4-mapped IPv6 peers are compared as IPv4, so a mapped block would match none.
  const isPlain = plainAddress(address) === address || !isIPv4(plainAddress(address));
  const widest = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return (
    isPlain &&
    more.length === 0 &&
    widest > 0 &&
    (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest))
  );
}

/** The peers that are trusted to say where a request came from. */
export function trustedPeers(cidrs: readonly string[]): BlockList {
  const peers = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (bits === undefined) peers.addAddress(address, family);
    else peers.addSubnet(address, Number(bits), family);
  }
  return peers;
}

/**
 * The caller's address: the direct peer, or the last address that trusted proxies did not add to
 * X-Forwarded-For themselves.
 */
export function addressOf(peer: string, forwardedFor: string, trusted: BlockList): string {
  let address = plainAddress(peer);
  if (forwardedFor === '') return address;
  const hops = forwardedFor.split(',');
  while (hops.length > 0 && isTrusted(address, trusted)) {
    const hop = plainAddress(withoutPort((hops.pop() as string).trim()));
    if (isIP(hop) === 0) break;
    address = hop;
  }
  return address;
}

export function isTrusted(address: string, trusted: BlockList): boolean {
  return isIP(address) !== 0 && trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** Some gateways add the port they were called from, and then brackets to IPv6 addresses. */
function withoutPort(hop: string): string {
  const [, ipv6, ipv4] = /^(?:\[([^\]]+)\](?::\d+)?|(\d+(?:\.\d+){3}):\d+)$/.exec(hop) ?? [];
  return ipv6 ?? ipv4 ?? hop;
}

/**
 * An address in its normal form (RFC 5952), without the zone, which is valid on its own machine only. IPv4-mapped
 * IPv6 addresses become IPv4; text that is no address stays as it is.
 */
export function plainAddress(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address;
  const plain = new SocketAddress({ address, family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1] ?? plain;
}

/** One IPv6 host commands a whole /64. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const parts = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const [head = [], tail = []] = parts;
  const zeros = Array<string>(groupsOfIPv6 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...tail].slice(0, groupsOfIPv6 / 2).join(':');
}
