// What /v1/clients and /v1/issuers have in common: records are listed, shown, suspended and resumed. Needs the
// permission `admin`.
import type { Store } from '../../domain/store.ts';
import { isPrintable } from '../../domain/values/printable.ts';
import type { RecordKind } from '../../wire/record-kind.ts';
import { Refusal } from '../../wire/refusal.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import type { Context } from '../context.ts';
import { originOf } from '../origin.ts';
import { demandConditions, demandMatch, isHeld, tagOf } from '../reading/conditions.ts';
import { demandNoMembers } from '../reading/json.ts';
import { badCursor, readCursor, readLimit, readQuery, respondPage } from '../reading/query.ts';
import { respond } from '../respond.ts';

export interface RecordsParts<Item> {
  readonly store: Store;
  readonly auth: ClientAuth;
  readonly kind: RecordKind<Item>;
  /** The parameter of the path that names a record. */
  readonly parameter: string;
  /** Called after a change. */
  readonly forget: (key: string) => Promise<void>;
}

export function handleRecords<Item>({ store, auth, kind, parameter, forget }: RecordsParts<Item>) {
  const { noun, toWire } = kind;
  /** Stands in cursors, so that none is taken for that of another list. */
  const list = `${noun}s`;

  const notFound = (): never => {
    throw new Refusal('not_found', `there is no such ${noun}`);
  };

  const keyIn = (ctx: Context): string => {
    const { [parameter]: key = '' } = ctx.params as Record<string, string | undefined>;
    return isPrintable(key) ? key : notFound();
  };

  const setTag = (ctx: Context, item: Item): void => ctx.set('ETag', tagOf(toWire(item)));

  async function setEnabled(ctx: Context, enabled: boolean): Promise<void> {
    const { actor } = await auth.permit(ctx, 'admin');
    await demandNoMembers(ctx);
    const origin = originOf(ctx, actor);
    const key = keyIn(ctx);
    const item = await kind.setEnabled(store, origin, key, enabled);
    await forget(key);
    respond(ctx, 200, toWire(item ?? notFound()));
  }

  return {
    notFound,
    /** The record that the path names. */
    keyIn,

    /** Says where a record that was made can be read (RFC 9110 §9.3.3), and its tag. */
    locate(ctx: Context, item: Item): void {
      ctx.set('Location', `/v1/${list}/${encodeURIComponent(kind.keyOf(item))}`);
      setTag(ctx, item);
    },

    setTag,

    /** For a change: the conditions on the record as it is now. */
    demandConditions: (ctx: Context, item: Item): void => demandConditions(ctx, tagOf(toWire(item))),

    async list(ctx: Context): Promise<void> {
      await auth.permit(ctx, 'admin');
      const query = readQuery(ctx, ['limit', 'cursor']);
      const limit = readLimit(query);
      const [after] = readCursor(query, list) ?? [''];
      if (typeof after !== 'string' || after.includes('\0')) throw badCursor();
      const items = await kind.listAfter(store, after, limit + 1);
      respondPage(ctx, items, limit, (item) => [kind.keyOf(item), list], toWire);
    },

    async show(ctx: Context): Promise<void> {
      await auth.permit(ctx, 'admin');
      readQuery(ctx, []);
      const key = keyIn(ctx);
      const item = await store.ask((facts) => kind.find(facts, key));
      const wire = toWire(item ?? notFound());
      const tag = tagOf(wire);
      demandMatch(ctx, tag);
      ctx.set('ETag', tag);
      if (isHeld(ctx, tag)) ctx.status = 304;
      else respond(ctx, 200, wire);
    },

    disable: (ctx: Context) => setEnabled(ctx, false),
    enable: (ctx: Context) => setEnabled(ctx, true),
  };
}
