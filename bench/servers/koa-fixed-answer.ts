// The reference K of the tables: what koa, @koa/router and koa-bodyparser cost for a form that is answered with a fixed
// JSON of 200 bytes. No server on these parts that does its work is much faster.
import Router from '@koa/router';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import { listen } from '../lib/listen.ts';

const answer = {
  active: true,
  padding: 'x'.repeat(200 - JSON.stringify({ active: true, padding: '' }).length),
};

const app = new Koa();
const router = new Router();
app.use(bodyParser());
router.post('/introspect', (ctx) => {
  const { token } = ctx.request.body as { token?: string };
  ctx.body = token ? answer : { active: false };
});
app.use(router.routes());
listen(app.callback());
