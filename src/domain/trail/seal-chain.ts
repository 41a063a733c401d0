// Puts seals in their chain: each signed, each following the one before, none replaced or left out. Seals kept
// elsewhere are added to those beside the trail, so that a shortened trail still shows where it ended.
import { type ReadSeal, type Seal, sealHash } from './seals.ts';
import type { Finding, FindingKind } from './verify-trail.ts';

export interface Chain {
  readonly chain: readonly Seal[];
  readonly finding: Finding | null;
  /** The first seal that was kept elsewhere but is missing beside the trail. */
  readonly removed: Finding | null;
}

export async function chainSeals(
  seals: readonly string[],
  kept: readonly string[],
  readSeal: ReadSeal,
): Promise<Chain> {
  const chain: Seal[] = [];
  const stop = (kind: FindingKind, seal: number, detail: string): Chain => ({
    chain,
    finding: { kind, event: null, seal, detail },
    removed: null,
  });
  const byNumber = new Map<number, Seal>();
  for (const [n, jws] of kept.entries()) {
    const seal = await readSeal(jws);
    if ('problem' in seal) return stop('seal_invalid', n + 1, `of the seals kept elsewhere: ${seal.problem}`);
    const known = byNumber.get(seal.number);
    if (known && known.jws !== jws) return stop('seal_replaced', seal.number, 'two were kept that differ');
    byNumber.set(seal.number, seal);
  }
  const standing = new Set<number>();
  for (const [n, jws] of seals.entries()) {
    const seal = await readSeal(jws);
    if ('problem' in seal) return stop('seal_invalid', n + 1, seal.problem);
    const other = byNumber.get(seal.number);
    if (other && other.jws !== jws)
      return stop('seal_replaced', seal.number, 'it differs from the one kept elsewhere');
    byNumber.set(seal.number, seal);
    standing.add(seal.number);
  }
  const last = Math.max(0, ...byNumber.keys());
  const lastStanding = Math.max(0, ...standing);
  for (let number = 1; number <= last; number++) {
    const seal = byNumber.get(number);
    const isRemoved = seals.length > 0 && number <= lastStanding && !standing.has(number);
    if (!seal || isRemoved) return stop('seal_missing', number, `there is one of number ${last}`);
    const before = chain.at(-1);
    const isNext = seal.first === (before?.last ?? 0) + 1;
    if (!isNext || seal.previous !== (before ? sealHash(before.jws) : null))
      return stop('seal_invalid', number, 'it does not follow the one before it');
    chain.push(seal);
  }
  const gone = chain.find(({ number }) => !standing.has(number));
  const removed = gone && stop('seal_missing', gone.number, 'it was kept elsewhere').finding;
  return { chain, finding: null, removed: removed ?? null };
}
