// What the holder of the key may have signed, but is no chain: a seal proves its own range, and only the chain that no
// other stands in its place.
import test, { type ExecutionContext } from 'ava';
import { decodeJwt, SignJWT } from 'jose';
import { type CheckedSeal, chainSeals } from '../../../src/domain/trail/seal-chain.ts';
import { makeSeal, type Seal, sealReader } from '../../../src/domain/trail/seals.ts';
import { issuer, newKeys } from '../../helpers/trail.ts';

type Before = Pick<Seal, 'number' | 'last' | 'jws'>;

async function sealing(t: ExecutionContext) {
  const keys = await newKeys(t);
  return {
    keys,
    /** Of three events, whose leaves are of this byte. */
    make: (before: Before | undefined, byte: number, leafBytes = 32) => {
      const leaves = [1, 2, 3].map(() => Buffer.alloc(leafBytes, byte));
      return makeSeal(before, leaves, issuer, keys.signingKey(), 0);
    },
    chain: (seals: readonly CheckedSeal[], kept: readonly Seal[] = []) => {
      const elsewhere = kept.map(({ jws }) => jws);
      return chainSeals(seals, elsewhere, sealReader(keys.publicKeys()));
    },
  };
}

const wrongSeconds: Readonly<Record<string, (first: Seal, other: Seal) => Before>> = {
  'leaves an event out': (first) => ({ ...first, last: first.last + 1 }),
  'seals an event again': (first) => ({ ...first, last: first.last - 1 }),
  'was made after another first one': (_first, other) => other,
};
for (const [what, after] of Object.entries(wrongSeconds))
  test(`a seal does not follow the one before it that ${what}`, async (t) => {
    const { make, chain } = await sealing(t);
    const [first, other] = [await make(undefined, 1), await make(undefined, 2)];
    t.like(await chain([first, await make(first, 3)]), { finding: null });
    const { finding } = await chain([first, await make(after(first, other), 3)]);
    t.like(finding, { kind: 'seal_invalid', seal: 2, detail: 'it does not follow the one before it' });
  });

test('a seal is missing that was deleted from the middle, though it was kept elsewhere', async (t) => {
  const { make, chain } = await sealing(t);
  const first = await make(undefined, 1);
  const second = await make(first, 2);
  const third = await make(second, 3);
  const { finding } = await chain([first, third], [first, second, third]);
  t.like(finding, { kind: 'seal_missing', seal: 2, detail: 'there is one of number 3' });
});

test('a seal says nothing without a whole mark for each of its events', async (t) => {
  const { make, chain } = await sealing(t);
  const { finding } = await chain([await make(undefined, 1, 3)]);
  t.like(finding, { kind: 'seal_invalid', seal: 1, detail: 'it does not say what a seal says' });
});

test('what the key of seals has signed as anything else is no seal', async (t) => {
  const { keys, make, chain } = await sealing(t);
  const seal = await make(undefined, 1);
  const key = keys.signingKey();
  const header = { alg: 'EdDSA', typ: 'JWT', kid: String(key.kid) };
  const jws = await new SignJWT(decodeJwt(seal.jws)).setProtectedHeader(header).sign(key);
  const { finding } = await chain([{ ...seal, jws }]);
  t.like(finding, { kind: 'seal_invalid', seal: 1, detail: 'its signature or its form is wrong' });
});
