// Routes: which path answers which methods, and in which family's format it refuses.
import Router from '@koa/router';
import type Koa from 'koa';
import { type ErrorFamily, Refusal } from '../wire/refusal.ts';
import type { Context, Next, State } from './context.ts';
import { checkHeaderFields } from './reading/header-fields.ts';
import { readQuery } from './reading/query.ts';
import { isWellEncoded, pathOf } from './request-target.ts';

type Handle = (ctx: Context) => Promise<void>;

export interface Route {
  readonly method: string;
  readonly path: string;
  readonly family: ErrorFamily;
  readonly handle: Handle;
}

/** Routes of one family from a table of `METHOD /path`. */
export function routesOf(family: ErrorFamily, table: Readonly<Record<string, Handle>>): Route[] {
  return Object.entries(table).map(([name, handle]) => {
    const [method = '', path = ''] = name.split(' ');
    return { method, path, family, handle };
  });
}

/** Methods that may have a query in /v1: whoever writes `POST …?dry_run=true` must not find it done. */
const mayHaveQuery: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE']);

type Middleware = (ctx: Context, next: Next) => Promise<void>;

/** A path without parameters is looked up, while a router would try one path after another. */
export function routerOf(routes: readonly Route[], cors: Middleware): Koa.Middleware<State> {
  const fixed = new Map<string, Middleware>();
  const router = new Router<State>({ strict: true, sensitive: true });
  for (const path of new Set(routes.map((route) => route.path))) {
    const answer = answererOf(
      routes.filter((route) => route.path === path),
      cors,
    );
    if (path.includes(':')) router.all(path, answer);
    else fixed.set(path, answer);
  }
  const parametric = router.routes() as unknown as Middleware;
  return (ctx, next) => {
    if (ctx.req.url === '') throw new Refusal('invalid_request', 'the request target is not a URL');
    const answer = fixed.get(pathOf(ctx.req));
    if (answer) return answer(ctx as Context, next);
    // Before its parameters are decoded.
    demandWellEncoded(ctx as Context);
    return parametric(ctx as Context, next);
  };
}

function demandWellEncoded({ req }: Context): void {
  if (!isWellEncoded(req))
    throw new Refusal('invalid_request', 'the request target is not properly encoded UTF-8');
}

/**
 * Answers the routes of one path and, for all other methods, 405 with `Allow`. Browsers may call /revoke and /logout.
 */
function answererOf(routes: readonly Route[], cors: Middleware): Handle {
  const { family, path } = routes[0] as Route;
  const isForBrowsers = family === 'logout' || path === '/revoke';
  const byMethod = new Map(routes.map((route) => [route.method, route.handle]));
  const methods = [...byMethod.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method));
  const allowed = [...methods, ...(isForBrowsers ? ['OPTIONS'] : [])].join(', ');
  const handle: Handle = (ctx) => {
    checkHeaderFields(ctx.req);
    demandWellEncoded(ctx);
    const { method = '' } = ctx.req;
    const handleMethod = byMethod.get(method === 'HEAD' ? 'GET' : method);
    if (handleMethod) {
      if (family === 'v1' && !mayHaveQuery.has(method)) readQuery(ctx, []);
      return handleMethod(ctx);
    }
    throw new Refusal('method_not_allowed', `only ${allowed} is offered here`, {
      headers: { Allow: allowed },
    });
  };
  return (ctx) => {
    ctx.state.family = family;
    ctx.state.route = path;
    if (!isForBrowsers) return handle(ctx);
    // RFC 9110 §9.3.7.
    if (ctx.method === 'OPTIONS') ctx.set('Allow', allowed);
    return cors(ctx, async () => handle(ctx));
  };
}
