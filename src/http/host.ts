// Koa, without what it does for each request to hear how its response ends. Its listeners, put on and taken off again,
// took a sixth of an introspection; and an answer that is written at once (respond.ts) is followed by nothing that
// would want to know. Whatever else goes Koa's own way: pages, streams, empty answers, and errors that nobody caught.
import Koa from 'koa';
import type { Context, State } from './context.ts';

type Run = (ctx: Context) => Promise<unknown>;

/** What Koa calls for each request; not in its types. */
const koa = Koa.prototype as unknown as { handleRequest(ctx: Context, run: Run): Promise<void> };

export class Host extends Koa<State> {
  async handleRequest(ctx: Context, run: Run): Promise<void> {
    ctx.res.statusCode = 404;
    try {
      await run(ctx);
    } catch (error) {
      return koa.handleRequest.call(this, ctx, () => Promise.reject(error));
    }
    if (ctx.respond === false) return;
    const { statusCode } = ctx.res;
    return koa.handleRequest.call(this, ctx, async () => {
      ctx.res.statusCode = statusCode;
    });
  }
}
