// Koa, without the listeners that tell it how each response ends. Adding and removing them took a sixth of an
// introspection, and an answer that is written at once (respond.ts) does not need them. Everything else goes Koa's
// own way: pages, streams, empty answers, and uncaught errors.
import Koa from 'koa';
import type { Context, State } from './context.ts';

type Run = (ctx: Context) => Promise<unknown>;

/** What Koa calls for each request; not in its types. */
const koa = Koa.prototype as unknown as { handleRequest(ctx: Context, run: Run): Promise<void> };

export class LeanKoa extends Koa<State> {
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
