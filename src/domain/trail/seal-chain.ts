// Puts seals in their chain: each signed, each following the one before, none replaced or left out. Seals kept
// elsewhere are added to those beside the trail, so that a shortened trail still shows where it ended.
import type { StoredSeal } from '../upkeep-store.ts';
import { atSeal, type Finding } from './finding.ts';
import { type ReadSeal, type Seal, sealHash } from './seals.ts';

/** A seal and, where it comes from the database, the columns that stand beside it there. */
export type CheckedSeal = Pick<StoredSeal, 'jws'> & Partial<StoredSeal>;

export interface Chain {
  readonly chain: readonly Seal[];
  readonly finding: Finding | null;
  /** The first seal that was kept elsewhere but is missing beside the trail. */
  readonly removed: Finding | null;
}

type Seals = Map<number, Seal>;

export async function chainSeals(
  seals: readonly CheckedSeal[],
  kept: readonly string[],
  readSeal: ReadSeal,
): Promise<Chain> {
  const byNumber: Seals = new Map();
  const add = (some: readonly CheckedSeal[], ofThem: string, differs: string) =>
    addAll(byNumber, some, readSeal, ofThem, differs);
  const elsewhere = kept.map((jws) => ({ jws }));
  const finding =
    (await add(elsewhere, 'of the seals kept elsewhere: ', 'two were kept that differ')) ??
    (await add(seals, '', 'it differs from the one kept elsewhere'));
  if (finding) return { chain: [], finding, removed: null };
  return link(byNumber, new Set(seals.map(({ jws }) => jws)));
}

/** Adds these seals; resolves to what is wrong with one of them. */
async function addAll(
  byNumber: Seals,
  seals: readonly CheckedSeal[],
  readSeal: ReadSeal,
  ofThem: string,
  differs: string,
): Promise<Finding | null> {
  for (const [n, checked] of seals.entries()) {
    const seal = await readSeal(checked.jws);
    if ('problem' in seal) return atSeal('seal_invalid', n + 1, `${ofThem}${seal.problem}`);
    if (!agrees(seal, checked))
      return atSeal('seal_invalid', seal.number, 'it differs from the columns that stand beside it');
    const other = byNumber.get(seal.number);
    if (other && other.jws !== seal.jws) return atSeal('seal_replaced', seal.number, differs);
    byNumber.set(seal.number, seal);
  }
  return null;
}

const columns = ['number', 'first', 'last', 'sealedAt'] as const;

function agrees(seal: Seal, checked: CheckedSeal): boolean {
  return columns.every((column) => checked[column] === undefined || checked[column] === seal[column]);
}

/** `standing`: the seals beside the trail. */
function link(byNumber: Seals, standing: ReadonlySet<string>): Chain {
  const isStanding = ({ jws }: Seal) => standing.has(jws);
  const numbersStanding = [...byNumber.values()].filter(isStanding).map(({ number }) => number);
  const lastStanding = Math.max(0, ...numbersStanding);
  const last = Math.max(0, ...byNumber.keys());
  const chain: Seal[] = [];
  for (let number = 1; number <= last; number++) {
    const seal = byNumber.get(number);
    if (!seal || (number < lastStanding && !isStanding(seal))) {
      const finding = atSeal('seal_missing', number, `there is one of number ${last}`);
      return { chain, finding, removed: null };
    }
    if (!follows(seal, chain.at(-1))) {
      const finding = atSeal('seal_invalid', number, 'it does not follow the one before it');
      return { chain, finding, removed: null };
    }
    chain.push(seal);
  }
  const gone = chain.find((seal) => !isStanding(seal));
  const removed = gone ? atSeal('seal_missing', gone.number, 'it was kept elsewhere') : null;
  return { chain, finding: null, removed };
}

function follows(seal: Seal, before: Seal | undefined): boolean {
  const previous = before ? sealHash(before.jws) : null;
  return seal.first === (before?.last ?? 0) + 1 && seal.previous === previous;
}
