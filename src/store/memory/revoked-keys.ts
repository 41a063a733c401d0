// The keys of all revocations up to some row of the log: a token that bears none of them is not revoked, and nearly
// all tokens are known to bear none without a look-up. What this process did not write itself is read from the log; a
// long tail of it, as after the start, in the background.
import type { Knex } from 'knex';
import type { Claims } from '../../domain/claims.ts';
import { keysOf } from '../../domain/cutoffs.ts';
import {
  everyIssuer,
  type TargetKey,
  type TargetKind,
  targetKey,
  targetsEverywhere,
} from '../../domain/targets.ts';
import type { NumberedRevocation } from '../tables/revocation-rows.ts';
import { gatherKeys } from '../tables/revocations.ts';
import { bytesOfKey, type Prints, printsOf, printsOfHex, TargetKeySet } from './target-key-set.ts';

/** A request waits for a tail of up to this many rows. */
const shortTail = 20_000;
const tailPageSize = 2_000;

export class RevokedKeys {
  readonly #reader: Knex;
  readonly #forgetTokens: () => void;
  #keys = new TargetKeySet();
  /** Kinds of target that were ever revoked; under its other names a token need not be looked for. */
  #kinds = new Set<TargetKind>();
  /** Kinds that were revoked in every issuer at once. */
  #kindsEverywhere = new Set<TargetKind>();
  /** Only for claims that are themselves remembered, here or elsewhere; for others it would cost more than it saves. */
  #prints = new WeakMap<Claims, Prints>();
  #seq = 0;
  #reading: Promise<void> | null = null;

  /** `forgetTokens` drops those whose prints were kept: it is called when prints lack names of a new kind. */
  constructor(reader: Knex, forgetTokens: () => void) {
    this.#reader = reader;
    this.#forgetTokens = forgetTokens;
  }

  /** All revocations up to this sequence number are in the set. */
  get seq(): number {
    return this.#seq;
  }

  /** Which kinds of target were revoked in every issuer at once. */
  get kindsEverywhere(): ReadonlySet<TargetKind> {
    return this.#kindsEverywhere;
  }

  /** False only if no revocation in the set bears this key. */
  mayHave(key: TargetKey): boolean {
    return this.#keys.hasAny(printsOf([key]));
  }

  /** False only if no revocation in the set bears any key of the token, including those for every issuer. */
  mayCover(claims: Claims & { readonly registrar?: string | null }): boolean {
    const known = this.#prints.get(claims);
    if (known !== undefined) return this.#keys.hasAny(known);
    const prints = this.#printsOf(claims);
    // The verifier remembers the claims of an unregistered JWT, so its prints are worth keeping. Registrations get
    // theirs in `keepPrints`, or are joined with a signature anew for each question.
    if (claims.registrar === null) this.#prints.set(claims, prints);
    return this.#keys.hasAny(prints);
  }

  /** For claims that are remembered from now on. */
  keepPrints(claims: Claims): void {
    this.#prints.set(claims, this.#printsOf(claims));
  }

  #printsOf(claims: Claims): Prints {
    const everywhere = targetsEverywhere(claims, this.#kindsEverywhere).map(targetKey);
    return printsOf([...keysOf(claims, this.#kinds), ...everywhere]);
  }

  /** Adds what this process has just written right after row `before` of the log. */
  learn(revocations: readonly NumberedRevocation[], before: number): void {
    if (this.#seq !== before) return;
    for (const { target, key, seq } of revocations) {
      this.#keys.addAll(printsOf([key]));
      this.#lookFor(this.#kinds, target.kind);
      if (target.issuer === everyIssuer) this.#lookFor(this.#kindsEverywhere, target.kind);
      this.#seq = seq;
    }
  }

  /** Reads the log up to `head`: a short tail in `db`, a long one in the background, after this has resolved. */
  async catchUp(db: Knex, head: number): Promise<void> {
    if (head <= this.#seq || this.#reading) return;
    const isShort = head - this.#seq <= shortTail;
    const reading = this.#readTail(isShort ? db : this.#reader, head);
    if (isShort) return reading;
    const done = () => {
      this.#reading = null;
    };
    this.#reading = reading.then(done, done);
  }

  /** Resolves when no tail is being read in the background. */
  async caughtUp(): Promise<void> {
    await this.#reading;
  }

  forget(): void {
    this.#keys = new TargetKeySet();
    this.#kinds = new Set();
    this.#kindsEverywhere = new Set();
    this.#prints = new WeakMap();
    this.#seq = 0;
  }

  async #readTail(db: Knex, head: number): Promise<void> {
    const keys = this.#keys;
    while (this.#seq < head) {
      const from = this.#seq;
      const upTo = Math.min(head, from + tailPageSize);
      const gathered = await gatherKeys(db, from, upTo, bytesOfKey);
      // `forget` ran meanwhile: what was read belongs to a set that is no longer in use.
      if (keys !== this.#keys) return;
      keys.addAll(printsOfHex(gathered.beginnings));
      for (const kind of gathered.kinds) this.#lookFor(this.#kinds, kind);
      for (const kind of gathered.kindsEverywhere) this.#lookFor(this.#kindsEverywhere, kind);
      this.#seq = Math.max(this.#seq, upTo);
      // Lets requests in between two pages, even if no query has to wait.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** From now on tokens are looked for under their names of this kind, too. */
  #lookFor(kinds: Set<TargetKind>, kind: TargetKind): void {
    if (kinds.has(kind)) return;
    kinds.add(kind);
    this.#prints = new WeakMap();
    this.#forgetTokens();
  }
}
