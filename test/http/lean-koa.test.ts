// What we leave out of Koa stands on a method of its that is in no documentation.
import test from 'ava';
import supertest from 'supertest';
import type { Context, State } from '../../src/http/context.ts';
import { LeanKoa } from '../../src/http/lean-koa.ts';
import { respondText } from '../../src/http/respond.ts';

test('Koa calls our way of handling a request, and its own where nothing was answered', async (t) => {
  const handled: string[] = [];
  class Probe extends LeanKoa {
    override async handleRequest(ctx: Context, run: (ctx: Context) => Promise<unknown>): Promise<void> {
      handled.push(ctx.path);
      return super.handleRequest(ctx, run);
    }
  }
  const app = new Probe();
  app.silent = true;
  app.use(async (ctx) => {
    const context = ctx as unknown as Context;
    context.state = { names: { requestId: 'r1' } } as State;
    if (ctx.path === '/direct') respondText(context, 201, 'direct', 'text/plain');
    if (ctx.path === '/body') ctx.body = 'body';
    if (ctx.path === '/status') ctx.status = 204;
    if (ctx.path === '/error') throw new Error('nobody caught this');
  });
  const request = supertest(app.callback());
  const statusOf = async (path: string) => (await request.get(path)).status;
  t.is(await statusOf('/direct'), 201);
  t.is((await request.get('/body')).text, 'body');
  t.is(await statusOf('/status'), 204);
  t.is(await statusOf('/error'), 500);
  t.is(await statusOf('/nothing'), 404);
  t.deepEqual(handled, ['/direct', '/body', '/status', '/error', '/nothing']);
});
