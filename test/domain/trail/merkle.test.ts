// The Merkle tree against RFC 6962: known roots, and every path of every small tree.
import { hash } from 'node:crypto';
import test from 'ava';
import { inclusionPath, leafHash, rootFromPath, rootOf } from '../../../src/domain/trail/merkle.ts';

/** The definition of RFC 6962 §2.1, word for word. */
function definedRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0] as Buffer;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const halves = [definedRoot(leaves.slice(0, split)), definedRoot(leaves.slice(split))];
  return hash('sha256', Buffer.concat([Buffer.from([1]), ...halves]), 'buffer');
}

const leavesOf = (count: number) => Array.from({ length: count }, (_, n) => leafHash(`leaf ${n}`));

test('a leaf hash is that of certificate-transparency for the empty leaf', (t) => {
  t.is(leafHash('').toString('hex'), '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
});

test('roots are those that RFC 6962 defines', (t) => {
  for (let count = 1; count <= 130; count++)
    t.deepEqual(rootOf(leavesOf(count)), definedRoot(leavesOf(count)), `${count} leaves`);
});

test('every leaf of a tree is proven by its path, and by no other', (t) => {
  for (const count of [1, 2, 3, 5, 8, 13, 31, 64, 65]) {
    const leaves = leavesOf(count);
    const root = rootOf(leaves);
    for (const [index, leaf] of leaves.entries()) {
      const path = inclusionPath(leaves, index);
      t.deepEqual(rootFromPath(leaf, index, count, path), root);
      t.notDeepEqual(rootFromPath(leafHash('other'), index, count, path), root);
      t.is(rootFromPath(leaf, index, count, [...path, leaf]), undefined, 'a path too long');
      if (path.length > 0)
        t.is(rootFromPath(leaf, index, count, path.slice(1)), undefined, 'a path too short');
    }
    t.is(rootFromPath(leaves[0] as Buffer, count, count, []), undefined, 'no such leaf');
  }
});
