// Checks an audit trail against its seals, knowing nothing but the public keys: on the database or on an
// export, without asking the server. Stops at the first event that is not in place, as diagnosis.ts explains it.
import { lacksWhatWasErased, leafOf, type RecordedEvent } from './audit-leaf.ts';
import { diagnoseContent, diagnosePlace } from './diagnosis.ts';
import { atEvent, type Finding } from './finding.ts';
import { LookAhead } from './look-ahead.ts';
import { rootOf } from './merkle.ts';
import { type CheckedSeal, chainSeals } from './seal-chain.ts';
import { markAt, markOf, type ReadSeal, type Seal } from './seals.ts';

export interface TrailReport {
  /** The first thing wrong; null when nothing is. */
  readonly finding: Finding | null;
  readonly events: number;
  readonly seals: number;
  /** Events up to here are proven by a seal. */
  readonly sealedThrough: number;
  /** Events up to here were purged, as a later event of the trail says. */
  readonly purgedThrough: number;
  /** Events after the last seal: in place, but proven by nothing. */
  readonly unsealed: number;
  /** Events of which personal members were erased. */
  readonly erased: number;
}

/** An event and, where it comes from the database, the leaf that was stored beside it. */
export interface CheckedEvent {
  readonly event: RecordedEvent;
  readonly storedLeaf?: Buffer | null;
}

export interface TrailParts {
  /** In the order in which they stand. */
  readonly events: AsyncIterable<CheckedEvent>;
  /** The seals that stand beside the events, and those kept elsewhere. */
  readonly seals: readonly CheckedSeal[];
  readonly kept: readonly string[];
  readonly readSeal: ReadSeal;
  /** The last sequence number given out by now, where that is known. */
  readonly head?: () => Promise<number>;
  readonly onProgress?: (checked: number) => void;
}

const progressEvery = 1000;

export async function verifyTrail(parts: TrailParts): Promise<TrailReport> {
  const { chain, finding, removed } = await chainSeals(parts.seals, parts.kept, parts.readSeal);
  const walk = new Walk(parts, chain);
  return walk.report(finding ?? (await walk.run()) ?? removed);
}

class Walk {
  readonly #parts: TrailParts;
  readonly #chain: readonly Seal[];
  readonly #events: LookAhead<CheckedEvent>;
  #checked = 0;
  #erased = 0;
  #unsealed = 0;
  #purgedThrough = 0;
  #purgeSaid = 0;
  /** The last number given out: when this began, and when it was last asked for. */
  #headBefore = 0;
  #head = 0;

  constructor(parts: TrailParts, chain: readonly Seal[]) {
    this.#parts = parts;
    this.#chain = chain;
    this.#events = new LookAhead(parts.events);
  }

  report(finding: Finding | null): TrailReport {
    return {
      finding,
      events: this.#checked,
      seals: this.#chain.length,
      sealedThrough: this.#chain.at(-1)?.last ?? 0,
      purgedThrough: this.#purgedThrough,
      unsealed: this.#unsealed,
      erased: this.#erased,
    };
  }

  async run(): Promise<Finding | null> {
    this.#headBefore = (await this.#parts.head?.()) ?? 0;
    this.#head = this.#headBefore;
    const start = (await this.#events.peek())?.event.seq ?? 1;
    const ranges = this.#chain.filter(({ first }) => first >= start);
    // A purge deletes whole ranges. A trail that begins within one has lost events: all are then checked from the first.
    const isAtEdge = start === (ranges[0]?.first ?? (this.#chain.at(-1)?.last ?? 0) + 1);
    if (isAtEdge) this.#purgedThrough = start - 1;
    for (const seal of isAtEdge ? ranges : this.#chain) {
      const finding = await this.#checkRange(seal);
      if (finding) return finding;
    }
    return (await this.#checkTail()) ?? this.#checkPurge();
  }

  async #checkRange(seal: Seal): Promise<Finding | null> {
    const leaves: Buffer[] = [];
    for (let seq = seal.first; seq <= seal.last; seq++) {
      const next = await this.#events.peek();
      if (!next)
        return atEvent(
          'cut_off',
          seq,
          seal,
          `the trail ends before it, though it was sealed through ${seal.last}`,
        );
      if (next.event.seq !== seq) return diagnosePlace(this.#events, seq, seal);
      const leaf = leafOf(next.event);
      if (markOf(leaf) !== markAt(seal, seq)) return diagnoseContent(this.#events, seq, seal, this.#chain);
      const stored = this.#checkBesides(next, leaf);
      if (stored) return stored;
      leaves.push(leaf);
      this.#pass(next);
    }
    if (rootOf(leaves).toString('base64url') === seal.root) return null;
    return atEvent('altered', seal.first, seal, `an event from ${seal.first} to ${seal.last} was altered`);
  }

  async #checkTail(): Promise<Finding | null> {
    let expected = (this.#chain.at(-1)?.last ?? 0) + 1;
    for (let next = await this.#events.peek(); next; next = await this.#events.peek(), expected++) {
      if (next.event.seq !== expected) return diagnosePlace(this.#events, expected, null);
      if (expected > this.#head) this.#head = (await this.#parts.head?.()) ?? Number.POSITIVE_INFINITY;
      if (expected > this.#head)
        return atEvent(
          'inserted',
          expected,
          null,
          `it stands after ${this.#head}, the last number that was given out`,
        );
      const stored = this.#checkBesides(next, leafOf(next.event));
      if (stored) return stored;
      this.#unsealed += 1;
      this.#pass(next);
    }
    // Events may be appended meanwhile: the trail must reach at least as far as when this began.
    if (expected > this.#headBefore) return null;
    return atEvent(
      'cut_off',
      expected,
      null,
      `the trail ends before it, though numbers through ${this.#headBefore} were given out`,
    );
  }

  #checkPurge(): Finding | null {
    if (this.#purgedThrough <= this.#purgeSaid) return null;
    const seal = this.#chain[0] as Seal;
    return atEvent(
      'missing',
      this.#purgeSaid + 1,
      seal,
      `no event of a purge accounts for those through ${this.#purgedThrough}`,
    );
  }

  #checkBesides({ event, storedLeaf }: CheckedEvent, leaf: Buffer): Finding | null {
    if (storedLeaf !== undefined && !storedLeaf?.equals(leaf))
      return atEvent('altered', event.seq, null, 'it differs from the leaf that was stored with it');
    if (lacksWhatWasErased(event)) return null;
    return atEvent('altered', event.seq, null, 'what it says was erased is there, or is no personal member');
  }

  #pass({ event }: CheckedEvent): void {
    this.#events.pass();
    this.#checked += 1;
    if (Object.keys(event.erased).length > 0) this.#erased += 1;
    const { audit_events_through: through } = event.metadata;
    if (event.action === 'purge' && typeof through === 'number')
      this.#purgeSaid = Math.max(this.#purgeSaid, through);
    if (this.#checked % progressEvery === 0) this.#parts.onProgress?.(this.#checked);
  }
}
