// Proves one event without showing the others: its record, its place in a seal's tree, and the seal.
import { lacksWhatWasErased, leafOf, type RecordedEvent } from './audit-leaf.ts';
import { eventFromRecord, eventToRecord } from './audit-record.ts';
import { inclusionPath, rootFromPath } from './merkle.ts';
import type { ReadSeal, Seal } from './seals.ts';

export interface InclusionProof {
  readonly event: Record<string, unknown>;
  /** Place of the event among the leaves of its seal, from 0. */
  readonly leaf_index: number;
  readonly tree_size: number;
  /** Sibling hashes, lowest first, base64url. */
  readonly path: readonly string[];
  readonly seal: string;
}

export function proveEvent(
  event: RecordedEvent,
  leaves: readonly Buffer[],
  seal: Pick<Seal, 'first' | 'jws'>,
): InclusionProof {
  const index = event.seq - seal.first;
  const path = inclusionPath(leaves, index).map((step) => step.toString('base64url'));
  return { event: eventToRecord(event), leaf_index: index, tree_size: leaves.length, path, seal: seal.jws };
}

/** What is wrong with a proof; null when it holds. */
export async function checkProof(proof: InclusionProof, readSeal: ReadSeal): Promise<string | null> {
  const seal = await readSeal(proof.seal);
  if ('problem' in seal) return `the seal does not hold: ${seal.problem}`;
  const event = eventFromRecord(proof.event);
  const { first, last } = seal;
  const isInPlace = proof.leaf_index === event.seq - first && proof.tree_size === last - first + 1;
  if (!isInPlace) return 'the event is not in the range of the seal';
  const path = proof.path.map((step) => Buffer.from(String(step), 'base64url'));
  const root = rootFromPath(leafOf(event), proof.leaf_index, proof.tree_size, path);
  return root?.toString('base64url') === seal.root && lacksWhatWasErased(event)
    ? null
    : 'the event is not what was sealed';
}
