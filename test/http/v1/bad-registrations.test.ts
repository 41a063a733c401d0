// Registrations whose members or times are wrong: each is refused by the name of the member, and nothing that was
// sent comes back.
import { canary } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';

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
  [
    { token: undefined, token_digest: canary },
    'token_digest',
    'token_digest must be a SHA-256 in base64url: 43 characters, without padding',
  ],
  [
    { token: undefined, token_digest: `${'A'.repeat(42)}B` },
    'token_digest',
    'token_digest must be a SHA-256 in base64url: 43 characters, without padding',
  ],
  [
    { token: undefined, token_digest: 'ab'.repeat(32) },
    'token_digest',
    'token_digest must be a SHA-256 in base64url: 43 characters, without padding',
  ],
  [{ token_use: undefined }, 'token_use', 'token_use is missing'],
  [{ aud: Array(101).fill(canary) }, 'aud', 'aud has over 100 items'],
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
  [{ aud: [] }, 'aud', 'aud is an empty list'],
  [{ session_id: canary.repeat(30) }, 'session_id', 'session_id is over 255 characters'],
  [{ cnf: canary }, 'cnf', 'cnf must be of type object'],
  [{ cnf: nested(20) }, 'cnf', 'cnf is over 8192 bytes or 8 levels deep'],
  [{ cnf: { x: canary.repeat(1000) } }, 'cnf', 'cnf is over 8192 bytes or 8 levels deep'],
  [{ ip: canary }, 'ip', 'ip is not an IP address'],
  [{ ip: `fe80::1%${canary}` }, 'ip', 'ip is not an IP address'],
  [{ replaces: canary }, 'replaces', 'replaces goes with refresh tokens only'],
  [
    { token: canary, session_id: canary },
    'session_id',
    'session_id is the token itself, which is never stored',
  ],
  [{ token: canary, jti: canary }, 'jti', 'jti is the token itself, which is never stored'],
  [{ token: canary, username: canary }, 'username', 'username is the token itself, which is never stored'],
  [{ token: canary, client_id: canary }, 'client_id', 'client_id is the token itself, which is never stored'],
  [{ token: canary, aud: ['a', canary] }, 'aud', 'aud is the token itself, which is never stored'],
  [{ token: canary, cnf: { jkt: canary } }, 'cnf', 'cnf is the token itself, which is never stored'],
  [
    { token_use: 'refresh_token', replaces: canary, grant_id: canary },
    'grant_id',
    'grant_id is the token itself, which is never stored',
  ],
  [{ surplus: canary }, 'surplus', 'surplus is not known here'],
  [{ V1StGXR8Z5jdHi6BmyTabcdef: 1 }, 'a parameter', 'a parameter is not known here'],
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
  const seconds = app.seconds + 1;
  app.clock.now = seconds * 1000;
  const day = 86_400;
  const future = 'iat lies in the future; it is given in seconds since 1970';
  const tooLong = 'exp is over 400 days after iat; it is given in seconds since 1970';
  const tries: [string, Record<string, unknown>, string | undefined][] = [
    ['nbf in milliseconds', { nbf: seconds * 1000 }, 'nbf is over 253402300799'],
    ['iat in milliseconds', { iat: seconds * 1000, exp: seconds * 1000 + 1000 }, future],
    ['iat beyond the skew', { iat: seconds + 61 }, future],
    ['iat within the skew', { iat: seconds + 60 }, undefined],
    ['exp in milliseconds', { exp: seconds * 1000 }, tooLong],
    ['a life too long', { exp: seconds + 400 * day + 1 }, tooLong],
    ['the longest life, begun ahead', { iat: seconds + 60, exp: seconds + 400 * day + 60 }, tooLong],
    ['a life that ended, too long', { iat: seconds - 500 * day, exp: seconds - 1 }, tooLong],
    ['the longest life', { exp: seconds + 400 * day }, undefined],
    ['exp at iat', { exp: seconds }, undefined],
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

testEachDatabase('POST /v1/tokens bounds a single token to 64 KiB', async (t, app) => {
  const body = app.registration({ token: 'a-token', client_id: 'c1', user_agent: 'x'.repeat(70_000) });
  const reply = await app.json('/v1/tokens', body, await app.issuer());
  t.deepEqual([reply.status, reply.body.code], [413, 'too_large']);
});
