// `revoke` on the command line, as a process of its own beside a server on the same database.
import { once } from 'node:events';
import { publicUrl, type TestApp } from '../helpers/app.ts';
import { wireDigestOf } from '../helpers/claims.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { numberTokensFrom } from '../helpers/purging.ts';
import { cli, type Ran, start } from '../helpers/run.ts';

function run(app: TestApp, args: readonly string[], input?: string): Promise<Ran> {
  return cli(['revoke', ...args], { DATABASE_URL: app.database.url, PUBLIC_URL: publicUrl }, input);
}

testEachDatabase('revoke --subject ends a user at once in a server that runs', async (t, app) => {
  const token = await app.register({ client_id: 'web', sub: 'u1', iat: app.seconds - 10 });
  const args = ['--subject', 'u1', '--reason', 'offboarding', '--reason-text', 'left', '--json'];
  const preview = await run(app, [...args, '--dry-run']);
  t.is(preview.code, 0, preview.stderr);
  t.is(JSON.parse(preview.stdout).would_end.tokens, 1);
  t.true(await app.isActive(token));
  const done = await run(app, args);
  t.is(done.code, 0, done.stderr);
  t.like(JSON.parse(done.stdout), { status: 'revoked', reason: 'offboarding', reason_text: 'left', seq: 1 });
  t.false(await app.isActive(token));
  const [event] = await app.events('bulk_revoke');
  t.like(event, { channel: 'cli', userId: 'u1' });
  t.is(event?.actor.kind, 'operator');
});

testEachDatabase('revoke --client wants its id typed out, and shows what it would end', async (t, app) => {
  const token = await app.register({ client_id: 'web', sub: 'u1', iat: app.seconds - 10 });
  const args = ['--client', 'web', '--reason', 'credential_compromise'];
  const refused = await run(app, args);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /confirm is missing/);
  t.regex(
    refused.stdout,
    /^would_end\.tokens +1\nwould_end\.complete +true\nwould_end\.by_client +client_id web, tokens 1\n/m,
  );
  t.regex(refused.stdout, /^notes +Only registered.*\n( {28}\S.*\n)+ {28}Suspend it: client disable web\n$/m);
  t.regex(refused.stderr, /^To do it, add: --confirm web$/m);
  t.true(await app.isActive(token));
  t.is((await run(app, [...args, '--confirm', 'web'])).code, 0);
  t.false(await app.isActive(token));
});

testEachDatabase('a command whose reader has gone does what it does without one', async (t, app) => {
  const token = await app.register({ client_id: 'web', sub: 'u1', iat: app.seconds - 10 });
  const env = { DATABASE_URL: app.database.url, PUBLIC_URL: publicUrl };
  const codeOf = async (args: readonly string[], gone: 'stdout' | 'stderr') => {
    const child = start(process.execPath, ['dist/src/cli/main.js', ...args], env);
    child[gone]?.destroy();
    child[gone === 'stdout' ? 'stderr' : 'stdout']?.resume();
    return ((await once(child, 'exit')) as [number | null])[0];
  };
  const order = ['revoke', '--client', 'web', '--reason', 'admin'];
  t.is(await codeOf(order, 'stdout'), 1, 'its code is not that of an order that was carried out');
  t.is((await app.events('request_refused')).length, 1);
  t.true(await app.isActive(token));
  t.is(await codeOf([...order, '--confirm', 'web'], 'stdout'), 0);
  t.false(await app.isActive(token));
  t.is(await codeOf(['client', 'create', '--id', 'lost'], 'stdout'), 1, 'its secret is lost');
  // It begins with a hint, as no token bears the name.
  t.is(await codeOf(['revoke', '--session', 'nobodys', '--reason', 'admin'], 'stderr'), 0);
  t.is((await app.events('bulk_revoke')).length, 2);
});

testEachDatabase('revoke previews nothing that it would refuse for its cutoff', async (t, app) => {
  const args = ['--client', 'web', '--reason', 'admin', '--cutoff', '9999-01-01T00:00:00Z'];
  for (const more of [['--dry-run'], [], ['--confirm', 'web']]) {
    const refused = await run(app, [...args, ...more]);
    t.is(refused.code, 1, refused.stderr);
    t.regex(refused.stderr, /cutoff lies in the future/);
    t.is(refused.stdout, '');
  }
});

testEachDatabase('revoke --everything says what to confirm it with, as a shell takes it', async (t, app) => {
  const args = ['--everything', '--issuer', '*', '--reason', 'policy'];
  t.regex((await run(app, args)).stderr, /^To do it, add: --confirm '\*'$/m);
  t.is((await run(app, [...args, '--confirm', '*'])).code, 0);
});

testEachDatabase('revoke says when no token of its namespace bears the name, and does it', async (t, app) => {
  const token = await app.register({ client_id: 'web', sub: 'u1', iat: app.seconds - 10 });
  const strange = await run(app, ['--subject', 'u2', '--reason', 'admin', '--json']);
  t.is(strange.code, 0);
  t.like(JSON.parse(strange.stdout), { status: 'revoked' });
  t.regex(
    strange.stderr,
    /^No token of https:\/\/tokens\.example is known under this name\. If the server.* --issuer URL, or --issuer '\*' for all/,
  );
  const misspelt = ['--subject', 'u1', '--issuer', 'https://typo.example', '--reason', 'admin', '--json'];
  t.regex(
    (await run(app, misspelt)).stderr,
    /^No token of this issuer .* not on record: if --issuer is misspelt/,
  );
  const everywhere = (subject: string) =>
    run(app, ['--subject', subject, '--issuer', '*', '--reason', 'admin', '--dry-run', '--json']);
  t.regex((await everywhere('u11')).stderr, /^No registered token bears this name, of whatever issuer/);
  t.is((await everywhere('u1')).stderr, '');
  const one = (digest: string) =>
    run(app, ['--token-digest', digest, '--reason', 'admin', '--dry-run', '--json']);
  t.regex(
    (await one(wireDigestOf('no token'))).stderr,
    /^This token is not registered here, nor of an issuer/,
  );
  t.is((await one(wireDigestOf(token))).stderr, '');
  t.true(await app.isActive(token));
  t.is((await run(app, ['--subject', 'u1', '--reason', 'admin', '--json'])).stderr, '');
  t.false(await app.isActive(token));
});

testEachDatabase('revoke says so of a client, too, which it looks for among all tokens', async (t, app) => {
  const tokens = Array.from({ length: 6 * 1000 }, () =>
    app.registration({ token: app.newToken(), client_id: 'web' }),
  );
  for (let from = 0; from < tokens.length; from += 1000)
    t.is((await app.json('/v1/tokens', tokens.slice(from, from + 1000), await app.issuer())).status, 200);
  const dryRun = (client: string) =>
    run(app, ['--client', client, '--reason', 'admin', '--dry-run', '--json']);
  t.regex((await dryRun('wed')).stderr, /^No token of https:\/\/tokens\.example is known under this name/);
  t.is((await dryRun('web')).stderr, '');
});

testEachDatabase('revoke says so on a database that has purged its first tokens, too', async (t, app) => {
  await numberTokensFrom(app.database, 2_000_000);
  await app.register({ client_id: 'web' });
  const { stderr } = await run(app, ['--client', 'wed', '--reason', 'admin', '--dry-run', '--json']);
  t.regex(stderr, /^No token of https:\/\/tokens\.example is known under this name/);
});

testEachDatabase(
  'a preview on the command line has no code that no later call would know',
  async (t, app) => {
    const args = ['--client', 'web', '--reason', 'admin', '--json'];
    const preview = await run(app, [...args, '--dry-run']);
    t.is(JSON.parse(preview.stdout).confirm, null);
    const refused = await run(app, [...args, '--confirm', 'wrong']);
    t.regex(
      refused.stderr,
      /confirm is neither a valid code nor the id; repeat the call with the id of the target/,
    );
  },
);

testEachDatabase('revoke --token-stdin ends one token and repeats it nowhere', async (t, app) => {
  const token = await app.register({ client_id: 'web', sub: 'u1' });
  const done = await run(
    app,
    ['--token-stdin', '--reason', `found ${token} on a wiki`, '--json'],
    `${token}\n`,
  );
  t.is(done.code, 0, done.stderr);
  t.false(done.stdout.includes(token));
  t.false(await app.isActive(token));
});

testEachDatabase('revoke refuses orders that are not clear, naming the option', async (t, app) => {
  for (const [args, message] of [
    [['--reason', 'admin'], /target must be named by exactly one option/],
    [['--subject', 'u1', '--jti', 'j1', '--reason', 'admin'], /target must be named by exactly one option/],
    [
      ['--subject', 'u1', '--subject', 'u2', '--reason', 'admin'],
      /^error: option '--subject <sub>' is given twice\n/,
    ],
    [['--subject', 'u1'], /required option '--reason/],
    [['--subject', 'u1', '--reason', 'reuse_detected'], /reason is one that only the server gives/],
    [['--subject', 'u1', '--reason', 'admin', '--cutoff', 'soon'], /cutoff must be an RFC 3339 time/],
    [['--key', 'abc', '--reason', 'key_compromise'], /^--key is an RFC 7638 thumbprint of 43 characters/],
    [['--client', 'a', '--only-client', 'b', '--reason', 'admin'], /^--only-client goes with --subject/],
    [['--client', 'a', '--only-use', 'access_token', '--reason', 'admin'], /^--only-use goes with --subject/],
  ] as const) {
    const refused = await run(app, args);
    t.is(refused.code, 1);
    t.regex(refused.stderr, message);
  }
});
