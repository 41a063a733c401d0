// What the check of a trail can find wrong.
import type { Seal } from './seals.ts';

export type FindingKind =
  | 'altered'
  | 'missing'
  | 'inserted'
  | 'reordered'
  | 'cut_off'
  | 'seal_invalid'
  | 'seal_missing'
  | 'seal_replaced';

export interface Finding {
  readonly kind: FindingKind;
  /** Null when it is a seal that is at fault. */
  readonly event: number | null;
  readonly seal: number | null;
  readonly detail: string;
}

/** `seal`: the one whose range holds the event; null for an event that no seal covers. */
export function atEvent(kind: FindingKind, event: number, seal: Seal | null, detail: string): Finding {
  return { kind, event, seal: seal?.number ?? null, detail };
}

export function atSeal(kind: FindingKind, seal: number, detail: string): Finding {
  return { kind, event: null, seal, detail };
}
