// What strangers send: each endpoint with each malformation. Every answer is a refusal by name (or, for a token
// that could not be one, the answer for unknown tokens), never a 5xx, and never repeats what was sent.
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { type Auth, authorization, type Reply, type RequestParts, type TestApp } from '../helpers/app.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { problemsOf } from '../helpers/response-contract.ts';

const formType = 'application/x-www-form-urlencoded';
/** Stands in every value that must not come back. */
const canary = 'canary-7f3a91d04c';

type Bad = readonly [what: string, parts: RequestParts, status: number, message: string | undefined];

const wrongForms: readonly Bad[] = [
  ['no token', { body: '' }, 400, 'token is missing'],
  ['an empty token', { body: 'token=' }, 400, 'token is missing'],
  ['a token without a value', { body: 'token' }, 400, 'token is missing'],
  ['a token that is named otherwise', { body: `Token=${canary}` }, 400, 'token is missing'],
  ['a repeated token', { body: `token=${canary}&token=${canary}` }, 400, 'token is repeated'],
  [
    'a repeated hint',
    { body: `token=x&token_type_hint=${canary}&token_type_hint=a` },
    400,
    'token_type_hint is repeated',
  ],
  ['an array', { body: `token[]=${canary}` }, 400, 'token must be a plain parameter, without brackets'],
  ['an object', { body: `token%5Bx%5D=${canary}` }, 400, 'token must be a plain parameter, without brackets'],
  ['a name that could be a secret', { body: `${canary}[]=x` }, 400, 'token is missing'],
  ['a bad escape', { body: `token=${canary}%ZZ` }, 400, 'the parameters are not properly encoded UTF-8'],
  [
    'an escape cut short',
    { body: `token=${canary}%4` },
    400,
    'the parameters are not properly encoded UTF-8',
  ],
  [
    'an escape that is no UTF-8',
    { body: `token=${canary}%C3%28` },
    400,
    'the parameters are not properly encoded UTF-8',
  ],
  [
    'bytes that are no UTF-8',
    { body: Buffer.from(`token=${canary}\xff`, 'latin1') },
    400,
    'the parameters are not properly encoded UTF-8',
  ],
  [
    'too many parameters',
    { body: Array.from({ length: 65 }, (_, n) => `p${n}=${canary}`).join('&') },
    400,
    'there are over 64 parameters',
  ],
  [
    'JSON',
    { type: 'application/json', body: `{"token":"${canary}"}` },
    400,
    `the content type must be ${formType}`,
  ],
  [
    'multipart',
    {
      type: 'multipart/form-data; boundary=x',
      body: `--x\r\ncontent-disposition: form-data; name="token"\r\n\r\n${canary}\r\n--x--`,
    },
    400,
    `the content type must be ${formType}`,
  ],
  ['text', { type: 'text/plain', body: `token=${canary}` }, 400, `the content type must be ${formType}`],
  [
    'no content type',
    { type: undefined, body: `token=${canary}` },
    400,
    `the content type must be ${formType}`,
  ],
  ['nothing', { type: undefined, body: undefined }, 400, `the content type must be ${formType}`],
  [
    'a longer content type',
    { type: `${formType}x`, body: `token=${canary}` },
    400,
    `the content type must be ${formType}`,
  ],
  [
    'a content encoding',
    { headers: { 'Content-Encoding': 'gzip' }, body: `token=${canary}` },
    400,
    'a content encoding is not accepted here',
  ],
  [
    'a body over 64 KiB',
    { body: `token=${canary}${'x'.repeat(65_536)}` },
    413,
    'the body is over 65536 bytes',
  ],
];

for (const path of ['/revoke', '/introspect']) {
  testEachDatabase(`POST ${path} refuses what is no proper form, by name`, async (t, app) => {
    const auth = await app.observer();
    for (const bad of wrongForms) {
      const reply = await sendBad(t, app, path, { auth, type: formType }, bad);
      t.deepEqual(reply.body, { error: 'invalid_request', error_description: bad[3] }, bad[0]);
    }
  });

  testEachDatabase(`POST ${path} takes no token and no credentials from the query string`, async (t, app) => {
    const caller = await app.observer();
    const inQuery = await app.form(`${path}?token=x`, {}, caller);
    t.is(inQuery.status, 400);
    t.is(inQuery.body.error_description, 'token is missing');
    const { client_id, secret } = caller;
    const query = `client_id=${client_id}&client_secret=${secret}`;
    const credentials = await app.form(`${path}?${query}`, { token: 'x' });
    t.is(credentials.status, path === '/revoke' ? 401 : 400);
  });

  testEachDatabase(`POST ${path} counts what could not be a token as unknown`, async (t, app) => {
    const caller = await app.observer();
    const answers = new Set<string>();
    for (const token of [
      '\0',
      'a\0b',
      '\u{1F600}',
      '\n',
      'x'.repeat(16_385),
      "' or 1=1 --",
      '%',
      '../../etc/passwd',
    ]) {
      const { status, text } = await app.form(path, { token }, caller);
      t.is(status, 200);
      answers.add(text);
    }
    t.is(answers.size, 1);
  });
}

const wrongLogouts: readonly Bad[] = [
  ['no JSON', { body: `{"refresh_token":"${canary}` }, 400, 'the body is not valid JSON in UTF-8'],
  ['a number', { body: '5' }, 400, 'the body must be a JSON object or array'],
  ['text', { body: `"${canary}"` }, 400, 'the body must be a JSON object or array'],
  ['null', { body: 'null' }, 400, 'the body must be a JSON object or array'],
  ['an array', { body: `["${canary}"]` }, 400, 'body must be of type object'],
  [
    'a token that is no string',
    { body: `{"refresh_token":{"x":"${canary}"}}` },
    400,
    'refresh_token must be of type string',
  ],
  [
    'a token that is a list',
    { body: `{"refresh_token":["${canary}"]}` },
    400,
    'refresh_token must be of type string',
  ],
  ['a user that is an object', { body: `{"user_id":{"x":"${canary}"}}` }, 400, 'user_id has the wrong form'],
  ['a user that is a fraction', { body: '{"user_id":1.5}' }, 400, 'user_id has the wrong form'],
  ['an unknown scope', { body: `{"scope":"${canary}"}` }, 400, 'scope must be one of: current, others, all'],
  ['a reason that is no string', { body: '{"reason":5}' }, 400, 'reason must be of type string'],
  [
    'a repeated form parameter',
    { type: formType, body: `refresh_token=${canary}&refresh_token=${canary}` },
    400,
    'refresh_token is repeated',
  ],
  [
    'a bracketed form parameter',
    { type: formType, body: `refresh_token[]=${canary}` },
    400,
    'refresh_token must be a plain parameter, without brackets',
  ],
  [
    'multipart',
    { type: 'multipart/form-data; boundary=x', body: `--x--${canary}` },
    415,
    'the content type must be application/json or application/x-www-form-urlencoded',
  ],
  [
    'plain text',
    { type: 'text/plain', body: `refresh_token=${canary}` },
    415,
    'the content type must be application/json or application/x-www-form-urlencoded',
  ],
  [
    'no content type',
    { type: undefined, body: `{"refresh_token":"${canary}"}` },
    415,
    'the content type must be application/json or application/x-www-form-urlencoded',
  ],
  [
    'a body over 64 KiB',
    { body: `{"refresh_token":"${canary}${'x'.repeat(65_536)}"}` },
    413,
    'the body is over 65536 bytes',
  ],
  [
    'a form over 64 KiB',
    { type: formType, body: `refresh_token=${canary}${'x'.repeat(65_536)}` },
    413,
    'the body is over 65536 bytes',
  ],
];

testEachDatabase(
  'POST /logout refuses what is neither proper JSON nor a proper form, by name',
  async (t, app) => {
    for (const bad of wrongLogouts) {
      const reply = await sendBad(t, app, '/logout', { type: 'application/json' }, bad);
      t.false(reply.body.success, bad[0]);
      t.is(reply.body.message, bad[3], bad[0]);
      t.is(reply.body.data, null);
    }
  },
);

testEachDatabase('POST /logout takes no proof from the query string', async (t, app) => {
  const token = await app.register({ client_id: 'c1', sub: 'u1' });
  const reply = await app.json(`/logout?refresh_token=${token}&access_token=${token}`, {});
  t.is(reply.status, 401);
  t.true(await app.isActive(token));
});

testEachDatabase('POST /logout refuses a user id that could not be one', async (t, app) => {
  const caller = await app.addClient({ permissions: ['revoke:any'] });
  for (const [user_id, problem] of [
    [`${canary}\0`, 'has the wrong form'],
    [`${canary}\n`, 'has the wrong form'],
    [canary.repeat(30), 'is over 255 characters'],
  ]) {
    const { status, body, text } = await app.json('/logout', { user_id }, caller);
    t.is(status, 400);
    t.is(body.message, `user_id ${problem}`);
    t.false(text.includes(canary));
  }
});

/** Members over a registration that is right, and the member that the refusal must name. */
const wrongRegistrations: readonly (readonly [
  members: Record<string, unknown>,
  parameter: string,
  message: string,
])[] = [
  [{ token: undefined }, 'token', 'token is missing'],
  [{ token: '' }, 'token', 'token is empty'],
  [{ token: `${canary}\0` }, 'token', 'token has the wrong form'],
  [{ token: `${canary}é` }, 'token', 'token has the wrong form'],
  [{ token: canary.repeat(1000) }, 'token', 'token is over 16384 characters'],
  [{ token: 5 }, 'token', 'token must be of type string'],
  [{ token: [canary] }, 'token', 'token must be of type string'],
  [{ token_digest: 'A'.repeat(43) }, 'token_digest', 'token_digest is given, and so is token'],
  [{ token: undefined, token_digest: canary }, 'token_digest', 'token_digest has the wrong form'],
  [
    { token: undefined, token_digest: `${'A'.repeat(42)}B` },
    'token_digest',
    'token_digest has the wrong form',
  ],
  [{ token: undefined, token_digest: 'ab'.repeat(32) }, 'token_digest', 'token_digest has the wrong form'],
  [{ token_use: undefined }, 'token_use', 'token_use is missing'],
  [{ aud: Array(101).fill(canary) }, 'aud', 'aud is over 100'],
  [{ aud: [1] }, 'aud', 'aud must be a string of 1 to 512 printable characters, or a list of them'],
  [{ cnf: { x: 2 ** 53 } }, 'cnf', 'cnf holds a number that not every reader of JSON takes for the same'],
  [{ token_use: canary }, 'token_use', 'token_use must be one of: access_token, refresh_token'],
  [{ client_id: undefined }, 'client_id', 'client_id is missing'],
  [{ client_id: '' }, 'client_id', 'client_id is empty'],
  [{ sub: '' }, 'sub', 'sub is empty'],
  [{ sub: `${canary}\0` }, 'sub', 'sub has the wrong form'],
  [{ sub: 1.5 }, 'sub', 'sub must be a string of 1 to 255 printable characters, or an integer'],
  [{ sub: '\ud800' }, 'sub', 'sub has the wrong form'],
  [{ iat: undefined }, 'iat', 'iat is missing'],
  [{ iat: 'now' }, 'iat', 'iat must be of type number'],
  [{ iat: -1 }, 'iat', 'iat is under 0'],
  [{ exp: undefined }, 'exp', 'exp is missing'],
  [{ exp: null }, 'exp', 'exp must be of type number'],
  [{ exp: 1 }, 'exp', 'exp is before iat'],
  [{ iss: '*' }, 'iss', 'iss must name one issuer'],
  [{ scope: 5 }, 'scope', 'scope must be of type string'],
  [{ scope: 'read  write' }, 'scope', 'scope must be scope tokens, one space between them'],
  [{ scope: `"${canary}é\\` }, 'scope', 'scope must be scope tokens, one space between them'],
  [{ authorization_details: [{}] }, 'authorization_details', 'authorization_details must each have a type'],
  [
    { authorization_details: [{ type: 'a' }, { type: 5, canary }] },
    'authorization_details',
    'authorization_details must each have a type',
  ],
  [{ cnf: {} }, 'cnf', 'cnf is empty'],
  [{ aud: [] }, 'aud', 'aud is under 1'],
  [{ session_id: canary.repeat(30) }, 'session_id', 'session_id is over 255 characters'],
  [{ cnf: canary }, 'cnf', 'cnf must be of type object'],
  [{ cnf: nested(20) }, 'cnf', 'cnf is over 8192 bytes or 8 levels deep'],
  [{ cnf: { x: canary.repeat(1000) } }, 'cnf', 'cnf is over 8192 bytes or 8 levels deep'],
  [{ ip: canary }, 'ip', 'ip is not an IP address'],
  [{ ip: `fe80::1%${canary}` }, 'ip', 'ip is not an IP address'],
  [{ replaces: canary }, 'replaces', 'replaces goes with refresh tokens only'],
  [{ surplus: canary }, 'surplus', 'surplus is not known here'],
  [{ [`${canary} member`]: 1 }, 'a parameter', 'a parameter is not known here'],
];

function nested(levels: number): unknown {
  return levels === 0 ? canary : { x: nested(levels - 1) };
}

testEachDatabase(
  'POST /v1/tokens refuses a registration by the name of what is wrong with it',
  async (t, app) => {
    const issuer = await app.issuer();
    for (const [members, parameter, message] of wrongRegistrations) {
      const body = app.registration({ token: 'a-token', client_id: 'c1', aud: undefined, ...members });
      const reply = await app.json('/v1/tokens', body, issuer);
      t.is(reply.status, 400, message);
      t.is(reply.body.code, 'invalid_request', message);
      t.deepEqual(reply.body.errors, [{ parameter, message }], message);
      t.false(reply.text.includes(canary), message);
    }
    const itself = { token: 'a-token', token_use: 'refresh_token', replaces: 'a-token', client_id: 'c1' };
    const reply = await app.json('/v1/tokens', app.registration(itself), issuer);
    t.is(reply.body.detail, 'replaces is the token itself');
  },
);

testEachDatabase('POST /v1/tokens names at most 20 members that are wrong, soon', async (t, app) => {
  const members = Object.fromEntries(Array.from({ length: 60_000 }, (_, n) => [`k${n}`, 1]));
  const registration = app.registration({ token: 'a-token', client_id: 'c1', ...members });
  const began = performance.now();
  const { body } = await app.json('/v1/tokens', [registration], await app.issuer());
  t.true(performance.now() - began < 5000);
  const errors = body.items[0].errors as { parameter: string }[];
  t.deepEqual(
    errors.map(({ parameter }) => parameter),
    Object.keys(members).slice(0, 20),
  );
});

testEachDatabase('POST /v1/tokens refuses times that issuers get wrong', async (t, app) => {
  const issuer = await app.issuer();
  const { seconds } = app;
  const day = 86_400;
  const future = 'iat lies in the future; it is given in seconds since 1970';
  const tooLong = 'exp is over 400 days after iat; it is given in seconds since 1970';
  const tries: [string, Record<string, unknown>, string | undefined][] = [
    ['nbf in milliseconds', { nbf: seconds * 1000 }, 'nbf is over 253402300799'],
    ['iat in milliseconds', { iat: seconds * 1000, exp: seconds * 1000 + 1000 }, future],
    ['iat beyond the skew', { iat: seconds + 62 }, future],
    ['iat within the skew', { iat: seconds + 60 }, undefined],
    ['exp in milliseconds', { exp: seconds * 1000 }, tooLong],
    ['a life too long', { exp: seconds + 400 * day + 2 }, tooLong],
    ['a life that ended, too long', { iat: seconds - 500 * day, exp: seconds - 1 }, tooLong],
    ['the longest life', { exp: seconds + 400 * day }, undefined],
    ['exp in the past, for an import', { iat: seconds - 100, exp: seconds - 50 }, undefined],
  ];
  for (const [what, times, message] of tries) {
    const token = app.newToken();
    const reply = await app.json(
      '/v1/tokens',
      app.registration({ token, client_id: 'c1', ...times }),
      issuer,
    );
    t.is(reply.status, message ? 400 : 201, what);
    t.is(reply.body.detail, message, what);
  }
});

const wrongBodies: readonly Bad[] = [
  ['no JSON', { body: `{"token":"${canary}` }, 400, 'the body is not valid JSON in UTF-8'],
  ['a number', { body: '5' }, 400, 'the body must be a JSON object or array'],
  ['bytes that are no UTF-8', { body: Buffer.from(`{"token":"${canary}\xff"}`, 'latin1') }, 400, undefined],
  ['a form', { type: formType, body: `token=${canary}` }, 415, 'the content type must be application/json'],
  [
    'no content type',
    { type: undefined, body: `{"token":"${canary}"}` },
    415,
    'the content type must be application/json',
  ],
  ['nothing', { type: undefined, body: undefined }, 415, 'the content type must be application/json'],
];

for (const path of ['/v1/tokens', '/v1/clients']) {
  testEachDatabase(`POST ${path} refuses what is no proper JSON`, async (t, app) => {
    const auth = await app.addClient({ permissions: ['register', 'admin'] });
    const large = `{"token":"${canary}${'x'.repeat(path === '/v1/tokens' ? 1_048_576 : 65_536)}"}`;
    const bounds = {
      '/v1/tokens': 'the body is over 1048576 bytes',
      '/v1/clients': 'the body is over 65536 bytes',
    };
    const tooLarge: Bad = ['a large body', { body: large }, 413, bounds[path as keyof typeof bounds]];
    for (const bad of [...wrongBodies, tooLarge]) {
      const reply = await sendBad(t, app, path, { auth, type: 'application/json' }, bad);
      if (bad[3]) t.is(reply.body.detail, bad[3], bad[0]);
    }
  });
}

testEachDatabase('JSON that is nested by the thousand is refused as any other, by name', async (t, app) => {
  const all = ['register', 'admin', 'audit', 'revoke:any', 'introspect:any'] as const;
  const auth = await app.addClient({ permissions: [...all] });
  const arrays = '['.repeat(30_000) + ']'.repeat(30_000);
  const targets = `${'{"target":'.repeat(5_000)}{}${'}'.repeat(5_000)}`;
  for (const path of ['/v1/clients', '/v1/revocations', '/v1/tokens/explain', '/introspect/batch', '/logout'])
    for (const body of [arrays, targets]) {
      const reply = await app.request('POST', path, { auth, type: 'application/json', body });
      t.true([400, 401].includes(reply.status), `${path}: ${reply.status} ${reply.text}`);
    }
  const items = await app.request('POST', '/v1/tokens', { auth, type: 'application/json', body: arrays });
  t.is(items.body.items[0].http_status, 400);
  const lines = await app.request('POST', '/v1/tokens', { auth, type: 'application/x-ndjson', body: arrays });
  t.is(JSON.parse(lines.text).http_status, 400);
});

testEachDatabase('JSON with a member __proto__ is refused by its name, wherever it is', async (t, app) => {
  const auth = await app.addClient({ permissions: ['register', 'admin'] });
  const issuer = '"issuer":"https://id.example","jwks_uri":"https://id.example/jwks"';
  const bodies: [path: string, body: string][] = [
    ['/v1/issuers', `{${issuer},"scope_permissions":{"__proto__":["audit"]}}`],
    ['/v1/tokens', '{"token":"x","cnf":{"__proto__":{"jkt":"x"}}}'],
    ['/v1/clients', '{"__proto__":{"client_id":"x"}}'],
    ['/v1/clients', '{"__pr\\u006fto__":{"client_id":"x"}}'],
  ];
  for (const [path, body] of bodies) {
    const reply = await app.request('POST', path, { auth, type: 'application/json', body });
    t.is(reply.status, 400, path);
    const message = '__proto__ must not be the name of a member';
    t.deepEqual(reply.body.errors, [{ parameter: '__proto__', message }], path);
  }
  t.true(
    await app.isActive(await app.register({ client_id: 'c1', sub: '__proto__' })),
    'a value of that name',
  );
});

testEachDatabase('POST /v1/tokens bounds a single token to 64 KiB', async (t, app) => {
  const body = app.registration({ token: 'a-token', client_id: 'c1', user_agent: 'x'.repeat(70_000) });
  const reply = await app.json('/v1/tokens', body, await app.issuer());
  t.deepEqual([reply.status, reply.body.code], [413, 'too_large']);
});

testEachDatabase('POST /v1/clients refuses a client by the name of what is wrong with it', async (t, app) => {
  const caller = await app.addClient({ permissions: ['admin'] });
  const tries: [Record<string, unknown>, string][] = [
    [{}, 'client_id'],
    [{ token_endpoint_auth_method: 'client_secret_jwt' }, 'token_endpoint_auth_method'],
    [{ permissions: ['everything'] }, 'permissions.0'],
    [{ permissions: 'admin' }, 'permissions'],
    [{ issuers: ['*'] }, 'issuers.0'],
    [{ allowed_origins: ['*'] }, 'allowed_origins.0'],
    [{ allowed_origins: ['https://app.example/'] }, 'allowed_origins.0'],
    [{ allowed_origins: ['HTTPS://app.example'] }, 'allowed_origins.0'],
    [{ audiences: [''] }, 'audiences.0'],
    [{ cascade: 'all' }, 'cascade'],
    [{ logout_scope: 'others' }, 'logout_scope'],
    [{ cache_max_age: -1 }, 'cache_max_age'],
    [{ cache_max_age: 3601 }, 'cache_max_age'],
    [{ client_secret: canary }, 'client_secret'],
    [{ client_secret: `${canary.repeat(4)}\n` }, 'client_secret'],
    [{ client_secret: 'x'.repeat(32), token_endpoint_auth_method: 'none' }, 'client_secret'],
    [{ redirect_uris: [canary] }, 'redirect_uris'],
    [
      { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: canary },
      'tls_client_auth_subject_dn',
    ],
  ];
  for (const [members, parameter] of tries) {
    const client_id = parameter === 'client_id' ? undefined : 'c1';
    const { status, body, text } = await app.json('/v1/clients', { client_id, ...members }, caller);
    t.is(status, 400, parameter);
    t.is(body.errors[0].parameter, parameter);
    t.false(text.includes(canary), parameter);
  }
  t.is((await app.get('/v1/clients/c1', caller)).status, 404);
});

testEachDatabase('GET of a list refuses parameters by name', async (t, app) => {
  const caller = await app.addClient({ permissions: ['admin', 'audit'] });
  const lists: [string, [query: string, message: string][]][] = [
    ['/v1/clients', []],
    [
      '/v1/audit/events',
      [
        ['action=nothing', 'action is not an action of the audit trail'],
        [`from=${canary}`, 'from must be an RFC 3339 time such as 2026-11-20T10:30:00Z'],
        ['to=2026-13-01T00:00:00Z', 'to must be an RFC 3339 time such as 2026-11-20T10:30:00Z'],
        ['from=2026-11-20T10:30:00', 'from must be an RFC 3339 time such as 2026-11-20T10:30:00Z'],
        ['from=2026-11-20T10:30:00Z&to=2026-11-19T10:30:00Z', 'to is before from'],
        ['user_id=a%00', 'user_id has control characters'],
        ['client_id=a%0a', 'client_id has control characters'],
      ],
    ],
  ];
  const common: [string, string][] = [
    ['limit=0', 'limit must be from 1 to 1000'],
    ['limit=1001', 'limit must be from 1 to 1000'],
    [`limit=${canary}`, 'limit must be from 1 to 1000'],
    ['limit=1&limit=2', 'limit is repeated'],
    [`surplus=${canary}`, 'surplus is not known here'],
    [`${canary}=1`, 'a parameter is not known here'],
    [`cursor=${canary}`, 'cursor was not given out by this query'],
    ['cursor=', 'cursor was not given out by this query'],
    [`cursor=${Buffer.from('[null]').toString('base64url')}`, 'cursor was not given out by this query'],
    [`cursor=${Buffer.from('["a\\u0000"]').toString('base64url')}`, 'cursor was not given out by this query'],
    [
      `cursor=${Buffer.from('[1e400,{"x":1}]').toString('base64url')}`,
      'cursor was not given out by this query',
    ],
  ];
  for (const [path, own] of lists) {
    for (const [query, message] of [...common, ...own]) {
      const { status, body, text } = await app.get(`${path}?${query}`, caller);
      t.is(status, 400, query);
      t.is(body.detail, message, query);
      t.false(text.includes(canary), query);
    }
  }
});

testEachDatabase('a method that is not offered is 405 with what is', async (t, app) => {
  const allowed: Record<string, string> = {
    '/revoke': 'POST, OPTIONS',
    '/introspect': 'POST',
    '/logout': 'POST, OPTIONS',
    '/v1/tokens': 'POST',
    '/v1/clients': 'POST, GET, HEAD',
    '/v1/clients/c1': 'GET, HEAD',
    '/v1/clients/c1/disable': 'POST',
    '/v1/audit/events': 'GET, HEAD',
    '/health/ready': 'GET, HEAD',
  };
  for (const [path, allow] of Object.entries(allowed)) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      if (allow.split(', ').includes(method)) continue;
      const reply = await app.request(method, path);
      t.is(reply.status, 405, `${method} ${path}`);
      t.is(reply.headers.allow, allow, `${method} ${path}`);
    }
  }
});

testEachDatabase('a path that is not there is 404, however it is written', async (t, app) => {
  const paths = [
    '/',
    '/nothing',
    '/revoke/',
    '/Revoke',
    '//revoke',
    '/v1',
    '/v1/',
    '/v1/nothing',
    '/%00',
    '/..%2f..%2fetc/passwd',
    `/${canary}`,
  ];
  for (const path of paths) {
    for (const method of ['GET', 'POST']) {
      const reply = await app.request(method, path);
      t.is(reply.status, 404, `${method} ${path}`);
      t.is(reply.body.code, 'not_found');
      t.false(reply.text.includes(canary));
    }
  }
});

testEachDatabase('POST of a body over the limit that does not say its length is 413 too', async (t, app) => {
  const issuer = await app.issuer();
  const large = Buffer.alloc(70_000, 'x');
  const paths = ['/revoke', '/introspect', '/logout', '/v1/clients'];
  for (const path of paths) {
    const auth = path === '/v1/clients' ? await app.addClient({ permissions: ['admin'] }) : issuer;
    const isForm = path === '/revoke' || path === '/introspect';
    const status = await sendChunked(t, app, path, auth, isForm ? formType : 'application/json', large);
    t.is(status, 413, path);
  }
});

testEachDatabase(
  'who is refused for the length of a body reads why, and is cut off when they never stop',
  async (t, app) => {
    const { client_id, secret } = await app.issuer();
    for (const path of ['/revoke', '/logout']) {
      const send = async (bytes: number, pieces: number) => {
        const request = httpRequest(`${app.url}${path}`, {
          method: 'POST',
          auth: `${client_id}:${secret}`,
          headers: {
            'content-type': path === '/revoke' ? formType : 'application/json',
            'content-length': bytes,
          },
        });
        const closed = new Promise<'cut off'>((resolve) => request.on('error', () => resolve('cut off')));
        const answered = once(request, 'response').then(async ([response]) => {
          await text(response);
          return response.statusCode as number;
        });
        answered.catch(() => {});
        for (let n = 0; n < pieces && !request.destroyed; n++) {
          request.write(Buffer.alloc(bytes / pieces, 'x'));
          await setTimeout(1);
        }
        return { closed, answered, request };
      };
      const patient = await send(2 ** 20, 32);
      patient.request.end();
      t.is(await patient.answered, 413, path);
      const { closed, answered } = await send(2 ** 25, 64);
      t.is(await answered, 413, path);
      t.is(await closed, 'cut off', path);
    }
  },
);

async function sendBad(
  t: ExecutionContext,
  app: TestApp,
  path: string,
  usual: RequestParts,
  bad: Bad,
): Promise<Reply> {
  const [what, parts, status] = bad;
  const reply = await app.request('POST', path, { ...usual, ...parts });
  t.is(reply.status, status, what);
  t.false(reply.text.includes(canary), what);
  return reply;
}

function sendChunked(
  t: ExecutionContext,
  app: TestApp,
  path: string,
  auth: Auth,
  type: string,
  body: Buffer,
): Promise<number> {
  const { client_id, secret } = auth as { client_id: string; secret: string };
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${app.url}${path}`, {
      method: 'POST',
      auth: `${client_id}:${secret}`,
      headers: { 'content-type': type, 'transfer-encoding': 'chunked' },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      text(response).then((body) => {
        const status = response.statusCode ?? 0;
        const headers = response.headers as Record<string, string>;
        t.deepEqual(problemsOf({ method: 'POST', path, status, headers, text: body }, []), []);
        resolve(status);
      }, reject);
    });
    request.end(body);
  });
}

testEachDatabase(
  'a connection that speaks no HTTP, or too much of it, is answered by the name of the limit',
  async (t, app) => {
    const { hostname, port } = new URL(app.url);
    const say = async (text: string) => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.write(text);
      await once(socket, 'close');
      const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
      t.regex(head, /\r\nDate: /, 'RFC 9110 §6.6.1');
      return [head.split('\r\n')[0], JSON.parse(body)];
    };
    const refusal = (error_description: string) => ({ error: 'invalid_request', error_description });
    t.deepEqual(await say(`${canary}\r\n\r\n`), [
      'HTTP/1.1 400 Bad Request',
      refusal('this is not an HTTP request'),
    ]);
    t.deepEqual(await say(`GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(40_000)}\r\n\r\n`), [
      'HTTP/1.1 431 Request Header Fields Too Large',
      refusal('the headers are over 32768 bytes'),
    ]);
    t.deepEqual(await say(`GET /${'x'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`), [
      'HTTP/1.1 414 URI Too Long',
      refusal('the request target is over 32768 bytes'),
    ]);
    for (const line of ['CONNECT x:1', 'REVOKE /revoke'])
      t.deepEqual(await say(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`), [
        'HTTP/1.1 501 Not Implemented',
        refusal('this method is not known here'),
      ]);
    const chunked = 'POST /revoke HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n';
    const type = `Content-Type: ${formType}\r\n\r\n`;
    t.deepEqual(await say(`${chunked}${type}7;${'x'.repeat(17_000)}\r\ntoken=x\r\n0\r\n\r\n`), [
      'HTTP/1.1 413 Content Too Large',
      refusal('the chunk extensions are over 16384 bytes'),
    ]);
  },
);

testEachDatabase('what is sent without waiting for an answer is judged after that answer', async (t, app) => {
  const client = await app.addClient({ permissions: ['introspect:any'] });
  const { hostname, port } = new URL(app.url);
  const post = (path: string, token: string, connection: string) => {
    const body = `token=${token}`;
    const headers = ['Host: x', `Authorization: ${authorization(client)}`, `Content-Type: ${formType}`];
    const all = [...headers, `Connection: ${connection}`, `Content-Length: ${body.length}`];
    return `POST ${path} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n${body}`;
  };
  for (let n = 0; n < 5; n++) {
    const token = await app.register({ client_id: client.client_id });
    const socket = connect(Number(port), hostname);
    const kept = [post('/introspect', token, 'keep-alive'), post('/revoke', token, 'keep-alive')];
    socket.write([...kept, post('/introspect', token, 'close')].join(''));
    const answers = (await text(socket)).match(/"(?:active|status)":"?\w+/g);
    t.deepEqual(answers, ['"active":true', '"status":"revoked', '"active":false']);
  }
  const many = connect(Number(port), hostname);
  const get = (connection: string) =>
    `GET /health/alive HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\n\r\n`;
  many.write(get('keep-alive').repeat(999) + get('close'));
  t.is((await text(many)).match(/"status":"alive"/g)?.length, 1000);
});

testEachDatabase('what is no HTTP behind a whole request does not take its answer', async (t, app) => {
  const issuer = await app.addClient({ permissions: ['register'] });
  const token = await app.register({ client_id: issuer.client_id });
  const { hostname, port } = new URL(app.url);
  const say = (path: string, type: string, framing: string, body: string) => {
    const socket = connect(Number(port), hostname);
    const headers = ['Host: x', `Authorization: ${authorization(issuer)}`, `Content-Type: ${type}`, framing];
    socket.write(`POST ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
    return socket;
  };
  const revoke = `token=${token}`;
  const length = `Content-Length: ${revoke.length}`;
  const answer = await text(say('/revoke', formType, length, `${revoke}GARBAGE\r\n\r\n`));
  t.regex(answer, /^HTTP\/1\.1 200 .*Connection: close.*"status":"revoked"/s);
  t.is(answer.split('HTTP/1.1').length, 2, 'and nothing is answered after it');

  const lines = '{}\n'.repeat(200);
  const chunk = `${lines.length.toString(16)}\r\n${lines}\r\n`;
  const socket = say('/v1/tokens', 'application/x-ndjson', 'Transfer-Encoding: chunked', chunk);
  let begun = '';
  socket
    .on('error', () => {})
    .on('data', (data) => {
      begun += data;
      if (begun.includes('"index":199')) socket.write('GARBAGE\r\n');
    });
  await once(socket, 'close');
  t.is(begun.split('HTTP/1.1').length, 2, 'nor in the middle of it');
});

testEachDatabase('who has sent all it has to say is answered all the same', async (t, app) => {
  const client = await app.addClient();
  const token = await app.register({ client_id: client.client_id });
  const { hostname, port } = new URL(app.url);
  const body = `token=${token}`;
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  const headers = ['Host: x', `Authorization: ${authorization(client)}`, `Content-Type: ${formType}`];
  socket.end(
    `POST /revoke HTTP/1.1\r\n${[...headers, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`,
  );
  t.regex(await text(socket), /"status":"revoked"/);
});

testEachDatabase(
  'a body that is refused by its header is not asked for (RFC 9110 §10.1.1)',
  async (t, app) => {
    const client = await app.addClient();
    const post = (path: string, headers: Record<string, string | number>, body: string) =>
      new Promise<[isAskedFor: boolean, status: number]>((resolve, reject) => {
        const request = httpRequest(`${app.url}${path}`, {
          method: 'POST',
          headers: { authorization: authorization(client), expect: '100-continue', ...headers },
        });
        let isAskedFor = false;
        request.on('continue', () => {
          isAskedFor = true;
          request.end(body);
        });
        request.on('response', (response) => {
          response.resume();
          resolve([isAskedFor, response.statusCode ?? 0]);
          request.destroy();
        });
        request.on('error', reject);
        request.flushHeaders();
      });
    const form = { 'content-type': formType };
    t.deepEqual(await post('/revoke', { ...form, 'content-length': 7 }, 'token=x'), [true, 200]);
    t.deepEqual(await post('/revoke', { ...form, 'content-length': 7_000_000 }, ''), [false, 413]);
    t.deepEqual(await post('/revoke', { 'content-length': 7 }, ''), [false, 400]);
    t.deepEqual(await post('/nowhere', { ...form, 'content-length': 7 }, ''), [false, 404]);
  },
);

testEachDatabase('a header of which a request has one is there, and once', async (t, app) => {
  const { hostname, port } = new URL(app.url);
  const say = async (path: string, ...headers: string[]) => {
    const socket = connect(Number(port), hostname);
    const version = headers.length === 0 ? '1.0' : '1.1';
    socket.write(`POST ${path} HTTP/${version}\r\n${['Connection: close', ...headers].join('\r\n')}\r\n\r\n`);
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    const { error_description, detail } = JSON.parse(body);
    return `${head.split(' ')[1]} ${error_description ?? detail}`;
  };
  const missing = '400 the header host is missing';
  const noForm = '400 the content type must be application/x-www-form-urlencoded';
  t.is(await say('/revoke', 'Accept: */*'), missing);
  t.is(await say('/nowhere', 'Accept: */*'), missing);
  t.is(await say('/revoke', 'Host: a', 'HOST: a'), '400 the header host is repeated');
  const twice = ['Authorization: Basic eA==', 'authorization: Bearer x'];
  t.is(await say('/revoke', 'Host: a', ...twice), '400 the header authorization is repeated');
  const types = [`Content-Type: ${formType}`, 'Content-Type: application/json'];
  t.is(await say('/v1/tokens', 'Host: a', ...types), '400 the header content-type is repeated');
  t.is(await say('/revoke'), noForm, 'HTTP/1.0 knows no Host');
  t.is(await say('/revoke', 'Host: a', 'Expect: the unexpected'), noForm);
  for (const host of ['a b', 'a/b', 'a@b', 'a?b', 'a:b:c', '[::1', 'a%zz', '<script>'])
    t.is(await say('/revoke', `Host: ${host}`), '400 the header host is not a host and a port', host);
  for (const host of ['', 'a', 'A-1.example:80', '[2001:db8::1]:443', '192.0.2.1', 'a_b', 'a%41:'])
    t.is(await say('/revoke', `Host: ${host}`), noForm, host);
});

testEachDatabase(
  'a header counts after thousands of others',
  async (t, app) => {
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    const body = '{"refresh_token":"unknown"}';
    const headers = [
      'Host: a',
      'Connection: close',
      ...Array(2500).fill('a: b'),
      'X-Forwarded-For: 192.0.2.7',
    ];
    const described = ['Content-Type: application/json', `Content-Length: ${body.length}`];
    socket.write(`POST /logout HTTP/1.1\r\n${[...headers, ...described].join('\r\n')}\r\n\r\n${body}`);
    t.regex(await text(socket), /^HTTP\/1.1 200 /);
    t.deepEqual(
      (await app.events('logout_invalid_token')).map(({ ip }) => ip),
      ['192.0.2.7'],
    );
  },
  { TRUST_PROXY: '127.0.0.1' },
);

testEachDatabase('a request target may be a whole URL; one that is no URL is refused', async (t, app) => {
  const { hostname, port } = new URL(app.url);
  const say = async (target: string) => {
    const socket = connect(Number(port), hostname);
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 'latin1');
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    return `${head.split(' ')[1]} ${JSON.parse(body).detail ?? ''}`.trim();
  };
  for (const target of ['http://a/version', 'https://a:1/version?x=1', 'HTTP://a/version'])
    t.is(await say(target), '200', target);
  const noUrl = '400 the request target is not a URL';
  for (const target of [
    '/version#x',
    'http://a/version#x',
    'http://[::1/',
    'http://xn--/x',
    'http://a:99999999/version',
    'http://a%b/version',
  ])
    t.is(await say(target), noUrl, target);
  const mended = '400 the request target is not properly encoded UTF-8';
  for (const target of ['/version?x=%ff', '/version?x=%', '/v1/sessions/%ff', 'http://a/version?x=%f'])
    t.is(await say(target), mended, target);
  t.is(await say('/version?x=%c3%bc'), '200');
  const nothing = '404 there is nothing here; see /openapi.json';
  for (const target of ['*', 'http://a', 'http://a/nothing', 'http://a/v1/../version', '/v1/../version'])
    t.is(await say(target), nothing, target);
});

testEachDatabase('a request that its sender cuts off harms no other', async (t, app) => {
  const issuer = await app.issuer();
  const kinds = { '/v1/tokens': 'application/x-ndjson', '/revoke': formType, '/logout': 'application/json' };
  const complaints: unknown[] = [];
  const complain = console.error;
  console.error = (...words: unknown[]) => complaints.push(words);
  t.teardown(() => {
    console.error = complain;
  });
  for (const [path, type] of Object.entries(kinds)) {
    for (const whenever of [0, 1, 2, 3]) {
      const request = httpRequest(`${app.url}${path}`, {
        method: 'POST',
        headers: {
          authorization: authorization(issuer),
          'content-type': type,
          'content-length': 1000,
          expect: '100-continue',
        },
      });
      const closed = new Promise((resolve) => request.on('error', () => {}).on('close', resolve));
      request.flushHeaders();
      await once(request, 'continue');
      request.write('{"token":');
      for (let turn = 0; turn < whenever; turn++) await app.get('/health/alive');
      request.destroy();
      await closed;
    }
  }
  t.is((await app.get('/health/ready')).status, 200);
  const token = await app.register({ client_id: 'c1' });
  t.true(await app.isActive(token));
  t.deepEqual(complaints, []);
});
