// Merkle trees with the hashing of RFC 6962 §2.1: a leaf is hashed after a 0x00 byte, a node after 0x01, so
// that no node can pass for a leaf. Pure; knows nothing of what the leaves stand for.
import { hash } from 'node:crypto';

export function leafHash(text: string): Buffer {
  return sha256(`\0${text}`);
}

/** Hashes to a string of bytes first, which takes half the time of asking for a Buffer. */
function sha256(input: string | Buffer): Buffer {
  return Buffer.from(hash('sha256', input, 'binary'), 'latin1');
}

const node = Buffer.alloc(65, 1);

function nodeHash(left: Buffer, right: Buffer): Buffer {
  left.copy(node, 1);
  right.copy(node, 33);
  return sha256(node);
}

/** Hashes pairs of a level; one left over moves up unchanged, which gives exactly the tree of RFC 6962. */
function levelAbove(level: readonly Buffer[]): Buffer[] {
  const above: Buffer[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const left = level[at] as Buffer;
    const right = level[at + 1];
    above.push(right ? nodeHash(left, right) : left);
  }
  return above;
}

/** Root over the leaf hashes, at least one. */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  let level = leaves;
  while (level.length > 1) level = levelAbove(level);
  return level[0] as Buffer;
}

/** The hashes that lead from one leaf to the root, lowest first (RFC 6962 §2.1.1). */
export function inclusionPath(leaves: readonly Buffer[], index: number): Buffer[] {
  const path: Buffer[] = [];
  let level = leaves;
  for (let at = index; level.length > 1; at >>= 1) {
    const sibling = level[at ^ 1];
    if (sibling) path.push(sibling);
    level = levelAbove(level);
  }
  return path;
}

/** The root that a leaf and its path lead to; undefined when the path has the wrong length. */
export function rootFromPath(
  leaf: Buffer,
  index: number,
  size: number,
  path: readonly Buffer[],
): Buffer | undefined {
  if (index < 0 || index >= size) return undefined;
  const steps = path[Symbol.iterator]();
  let root = leaf;
  for (let at = index, width = size; width > 1; at >>= 1, width = (width + 1) >> 1) {
    const hasSibling = at % 2 === 1 || at + 1 < width;
    if (!hasSibling) continue;
    const step = steps.next();
    if (step.done) return undefined;
    root = at % 2 === 1 ? nodeHash(step.value, root) : nodeHash(root, step.value);
  }
  return steps.next().done ? root : undefined;
}
