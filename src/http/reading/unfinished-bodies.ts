// The room for bodies that are still on their way. Who sends one is often known only by what it says, so anybody may
// begin to: thousands who never finish would take all of the memory.

const roomMiB = 64;
const roomBytes = roomMiB * 2 ** 20;

/** A body had to make room for others. The message may leave the process. */
export class NoRoomForBody extends Error {
  override readonly name = 'NoRoomForBody';

  constructor() {
    super(`too many bodies are on their way, at most ${roomMiB} MiB of them may be; try again`);
  }
}

/** Ends the reading of one body. */
type GiveUp = (error: NoRoomForBody) => void;

export class UnfinishedBodies {
  /** How many bytes are held of each, the oldest first. */
  readonly #bytesOf = new Map<GiveUp, number>();
  #bytes = 0;

  /**
   * To be called for every piece of a body after which more is to come. Where there is no room left, those make it who
   * have taken longest, as others are done within milliseconds: they are told to give up.
   */
  hold(giveUp: GiveUp, bytes: number): void {
    this.#bytesOf.set(giveUp, (this.#bytesOf.get(giveUp) ?? 0) + bytes);
    this.#bytes += bytes;
    for (const oldest of this.#bytesOf.keys()) {
      if (this.#bytes <= roomBytes) return;
      this.release(oldest);
      oldest(new NoRoomForBody());
    }
  }

  /** To be called when nothing of the body waits for the rest of it any more. */
  release(giveUp: GiveUp): void {
    this.#bytes -= this.#bytesOf.get(giveUp) ?? 0;
    this.#bytesOf.delete(giveUp);
  }
}
