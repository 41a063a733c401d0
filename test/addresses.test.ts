// Where a request comes from: as far as trusted proxies say it, and no further.
import test from 'ava';
import { addressOf, trustedPeers } from '../src/addresses.ts';

const proxies = trustedPeers(['127.0.0.1', '10.0.0.0/8', 'fd00::/8']);
const cases: readonly (readonly [why: string, peer: string, forwardedFor: string, address: string])[] = [
  ['nothing is said', '127.0.0.1', '', '127.0.0.1'],
  ['a proxy says it', '127.0.0.1', '192.0.2.7', '192.0.2.7'],
  ['two say it', '127.0.0.1', '192.0.2.7, 10.0.0.1', '192.0.2.7'],
  ['the caller has written more', '127.0.0.1', '203.0.113.9, 192.0.2.7', '192.0.2.7'],
  ['the peer is no proxy of ours', '192.0.2.1', '203.0.113.9', '192.0.2.1'],
  ['all that are named are proxies', '127.0.0.1', '10.0.0.2, 10.0.0.1', '10.0.0.2'],
  ['what is said is no address', '127.0.0.1', 'unknown', '127.0.0.1'],
  ['one proxy says what is no address', '127.0.0.1', '192.0.2.7, unknown, 10.0.0.1', '10.0.0.1'],
  ['nothing stands between two commas', '127.0.0.1', '192.0.2.7, ', '127.0.0.1'],
  ['ports are added', '::ffff:127.0.0.1', '[2001:DB8::1]:443, 10.0.0.1:8080', '2001:db8::1'],
  ['over IPv6', 'fd00::1', '2001:db8::1, fd00::2', '2001:db8::1'],
];

for (const [why, peer, forwardedFor, address] of cases)
  test(`the address of the caller when ${why}`, (t) => {
    t.is(addressOf(peer, forwardedFor, proxies), address);
  });
