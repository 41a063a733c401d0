// The house rules that a machine can hold: which room imports which, who touches the process, who names a
// database, and that docs/settings.md and openapi.yaml say what the code does.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { ConfigError, readConfig, settings } from '../src/config.ts';
import type { Store } from '../src/domain/store.ts';
import { auditActions, permissions, reasons } from '../src/domain/vocabulary.ts';
import { readPackageFile } from '../src/package-root.ts';
import { type RefusalCode, refusalCodes } from '../src/wire/refusal.ts';
import { appOn } from './helpers/app-parts.ts';

interface SourceFile {
  readonly path: string;
  /** Without comments and the line that names the interpreter. */
  readonly code: string;
  /** Files and packages, files as paths from the package's folder. */
  readonly imports: readonly string[];
}

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(join('src', name)));

function read(path: string): SourceFile {
  const code = readPackageFile(path)
    .replace(/^#!.*/, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1');
  const specifiers = [...code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map(
    ([, name = '']) => name,
  );
  const imports = specifiers.map((name) => (name.startsWith('.') ? join(dirname(path), name) : name));
  return { path, code, imports };
}

function within(...rooms: string[]): (source: SourceFile) => boolean {
  return ({ path }) => rooms.some((room) => path === room || path.startsWith(room));
}

/** `path → what it must not have`, for every file of `files` where `find` finds something. */
function offences(files: readonly SourceFile[], find: (source: SourceFile) => readonly string[]): string[] {
  return files.flatMap((source) => find(source).map((what) => `${source.path} → ${what}`));
}

const importsOf = (files: readonly SourceFile[], isForbidden: (name: string) => boolean) =>
  offences(files, ({ imports }) => imports.filter(isForbidden));

test('the rules are found in all rooms', (t) => {
  for (const room of ['src/domain/', 'src/http/', 'src/store/', 'src/cli/']) {
    t.true(sources.filter(within(room)).length > 3, room);
  }
});

test('domain imports no other room, and nothing that speaks HTTP, SQL or to the outside', (t) => {
  const domain = sources.filter(within('src/domain/'));
  t.deepEqual(
    importsOf(domain, (name) => name.startsWith('src/') && !name.startsWith('src/domain/')),
    [],
  );
  const outside =
    /^(koa|knex|pg|better-sqlite3|@koa\/|pino|node:(http|https|net|fs|child_process|process|os))/;
  t.deepEqual(
    importsOf(domain, (name) => outside.test(name)),
    [],
  );
  t.deepEqual(
    offences(domain, ({ code }) => code.match(/\bDate\.now\b|\bnew Date\(\)/g) ?? []),
    [],
  );
});

test('in the domain, no operation imports one of another kind, and nothing below imports any', (t) => {
  const operations = ['register', 'revoke', 'introspect', 'purge'].map((name) => `src/domain/${name}/`);
  const isOperation = (name: string) => operations.some((room) => name.startsWith(room));
  const below = sources.filter(({ path }) => path.startsWith('src/domain/') && !isOperation(path));
  t.true(below.length > 20);
  t.deepEqual(importsOf(below, isOperation), []);
  for (const room of operations) {
    const operation = sources.filter(within(room));
    t.true(operation.length > 1, room);
    t.deepEqual(
      importsOf(operation, (name) => isOperation(name) && !name.startsWith(room)),
      [],
    );
  }
});

/** Which other rooms each room may import. None imports the edge: app, server, main, the command line. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'src/config/': ['src/config.ts'],
  'src/jwt/': ['src/domain/', 'src/private-file.ts', 'src/short-memory.ts'],
  'src/store/': ['src/config/database-url.ts', 'src/domain/', 'src/durable-names.ts'],
  'src/wire/': ['src/addresses.ts', 'src/domain/', 'src/jwt/', 'src/local-url.ts'],
  'src/http/': [
    'src/addresses.ts',
    'src/domain/',
    'src/jwt/',
    'src/local-url.ts',
    'src/logged-errors.ts',
    'src/package-root.ts',
    'src/short-memory.ts',
    'src/wire/',
  ],
  'src/upkeep/': [
    'src/domain/',
    'src/store/',
    'src/config.ts',
    'src/durable-names.ts',
    'src/logged-errors.ts',
    'src/private-file.ts',
  ],
  'src/workers/': ['src/config.ts', 'src/http/ops/metrics.ts'],
};

test('each room imports only the rooms below it', (t) => {
  for (const [room, below] of Object.entries(rooms)) {
    const allowed = [room, ...below];
    const isForbidden = (name: string) =>
      name.startsWith('src/') && !allowed.some((path) => name.startsWith(path));
    t.deepEqual(importsOf(sources.filter(within(room)), isForbidden), [], room);
  }
  t.deepEqual(
    importsOf(sources.filter(within('src/http/')), (name) => name === 'knex'),
    [],
  );
  t.deepEqual(
    importsOf(sources.filter(within('src/store/')), (name) => name.startsWith('koa')),
    [],
  );
});

test('what the command line shares with the API stands in src/wire', (t) => {
  const isForbidden = (name: string) => name.startsWith('src/http/') && name !== 'src/http/ops/metrics.ts';
  t.deepEqual(importsOf(sources.filter(within('src/cli/')), isForbidden), []);
});

test('the application is given a store, and opens none', (t) => {
  const app = sources.filter(within('src/app.ts', 'src/services.ts'));
  t.deepEqual(
    importsOf(app, (name) => name.startsWith('src/store/')),
    [],
  );
});

test('only main.ts and the command line touch the process', (t) => {
  const others = sources.filter((source) => !within('src/main.ts', 'src/cli/')(source));
  // What is to be done later in the same turn is no matter of the process.
  t.deepEqual(
    offences(
      others,
      ({ code }) => code.match(/\bprocess\s*[.[](?!nextTick\b)|\bglobalThis\b|\bnode:process\b/g) ?? [],
    ),
    [],
  );
});

test('the environment goes to readConfig and nowhere else', (t) => {
  const others = sources.filter((source) => !within('src/config')(source));
  const elsewhere = ({ code }: SourceFile) =>
    code.replace(/readConfig\(process\.env\b/g, '').match(/\benv\b/g) ?? [];
  t.deepEqual(offences(others, elsewhere), []);
});

test('only store/dialect.ts and the rooms behind it name a database', (t) => {
  // config.ts reads the scheme of DATABASE_URL; failure.ts holds the codes that operators are told about.
  const others = sources.filter(
    (source) =>
      !within(
        'src/store/dialect.ts',
        'src/store/sqlite/',
        'src/store/postgres/',
        'src/config',
        'src/cli/failure.ts',
      )(source),
  );
  const names = ({ code }: SourceFile) => code.match(/sqlite|postgres|\bpg\b/gi) ?? [];
  t.deepEqual(offences(others, names), []);
});

test('SQL stays in the store', (t) => {
  const others = sources.filter((source) => !within('src/store/')(source));
  t.deepEqual(
    importsOf(others, (name) => /^(knex|pg|better-sqlite3)$/.test(name)),
    [],
  );
});

test('migrations import no code that could change', (t) => {
  const migrations = readdirSync('migrations').map((name) => read(join('migrations', name)));
  t.true(migrations.length > 3);
  t.deepEqual(
    importsOf(migrations, (name) => !/^(knex$|node:)/.test(name)),
    [],
  );
});

test('every source file says first what it owns', (t) => {
  const silent = sources.filter(({ path }) => !/^(#!.*\n)?\/\/ \S/.test(readPackageFile(path)));
  t.deepEqual(
    silent.map(({ path }) => path),
    [],
  );
});

test('the table of docs/settings.md is that of the code', (t) => {
  const rows = [
    ...readPackageFile('docs/settings.md').matchAll(/^\| `([A-Z_]+)` *\| (.*?) *\| (.*?) *\|$/gm),
  ];
  const table = rows.map(([, name, otherwise, means]) => ({ name, default: otherwise, means }));
  t.deepEqual(
    table,
    settings.map(({ name, default: otherwise, means }) => ({ name, default: otherwise, means })),
  );
});

test('openapi.yaml lists the reasons, actions and permissions of the vocabulary', (t) => {
  const { components } = load(readPackageFile('openapi.yaml')) as {
    components: { schemas: Record<string, { enum?: string[] }> };
  };
  for (const [name, words] of Object.entries({
    ReasonCode: reasons,
    AuditAction: auditActions,
    Permission: permissions,
  }))
    t.deepEqual(components.schemas[name]?.enum?.toSorted(), words.toSorted(), name);
});

test('openapi.yaml shows each kind of problem as it is answered', (t) => {
  const shown = problemsIn(load(readPackageFile('openapi.yaml')));
  t.true(shown.length > 20);
  for (const { type, title, status, code } of shown) {
    const { [code as RefusalCode]: kind } = refusalCodes;
    t.deepEqual(
      { type, title, status },
      { type: `/problems/${code}`, title: kind?.title, status: kind?.status },
    );
  }
});

/** Every object in the document that has the members of a problem (RFC 9457 §3.1). */
function problemsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const members = value as Record<string, unknown>;
  const isProblem = typeof members.type === 'string' && members.type.startsWith('/problems/');
  return [...(isProblem ? [members] : []), ...Object.values(members).flatMap(problemsIn)];
}

test('openapi.yaml shows no words of an error that the server does not say', (t) => {
  const said = sources.flatMap(({ code }) => wordsIn(code));
  const shown = errorsIn(load(readPackageFile('openapi.yaml')));
  t.true(shown.length > 50);
  t.deepEqual(
    shown.filter((text) => !said.some((words) => words.test(text))),
    [],
  );
});

/** Texts of the code of a few words and more, as patterns of how messages end: what comes before names a parameter. */
function wordsIn(code: string): RegExp[] {
  const texts = [...code.matchAll(/'((?:[^'\\\n]|\\.)+)'|"([^"\n]+)"|`([^`]+)`/g)];
  return texts
    .map(([, single, double, template]) => single?.replace(/\\(.)/g, '$1') ?? double ?? template ?? '')
    .filter((text) => text.replace(/\$\{[^}]*\}/g, '').length >= wordsMin)
    .map((text) => {
      const parts = text.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      return new RegExp(`(^|[\\w.\\]] )${parts.join('.+')}$`);
    });
}

const wordsMin = 8;

/** The texts in all examples of errors, in each of their shapes. */
function errorsIn(value: unknown, isExample = false): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const members = value as Record<string, unknown>;
  const own = isExample
    ? [members.error_description, members.detail, members.message, 'err' in members && members.description]
    : [];
  return [
    ...own.filter((text) => typeof text === 'string'),
    ...Object.entries(members).flatMap(([name, member]) =>
      errorsIn(member, isExample || name === 'examples'),
    ),
  ];
}

test('no alias of /logout takes a path that is mounted', async (t) => {
  const { routes } = await appOn({} as Store);
  for (const { path } of routes.filter(({ path }) => !path.includes('.well-known')))
    t.throws(
      () => readConfig({ LOGOUT_ALIASES: path.replaceAll(':', '') }),
      { instanceOf: ConfigError },
      path,
    );
});

test('openapi.yaml has what every request can meet: 400 for its header, 405 for its method', (t) => {
  type Operation = { readonly responses: Readonly<Record<string, unknown>> };
  const { paths } = load(readPackageFile('openapi.yaml')) as {
    paths: Record<string, Record<string, Operation>>;
  };
  for (const [path, item] of Object.entries(paths))
    for (const [method, { responses }] of Object.entries(item).filter(([name]) =>
      /^(get|post|patch|delete)$/.test(name),
    ))
      t.true(responses?.['400'] !== undefined && responses['405'] !== undefined, `${method} ${path}`);
});

test('openapi.yaml describes exactly the routes that are mounted', async (t) => {
  const app = await appOn({} as Store);
  const { paths } = load(readPackageFile('openapi.yaml')) as { paths: Record<string, object> };
  const described = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((key) => /^(get|post|put|patch|delete)$/.test(key))
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
  const mounted = app.routes
    // The files of the documentation page belong to its one path.
    .filter(({ path }) => path !== '/docs/:file')
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  t.deepEqual(described.toSorted(), mounted.toSorted());
});

test('the Dockerfile copies all that is built, and .dockerignore lets just that in', (t) => {
  const copies = readPackageFile('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm);
  const copied = [...copies].flatMap(([, names = '']) => names.split(' ')).sort();
  const letIn = [...readPackageFile('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, name]) => name);
  t.deepEqual(copied, letIn.sort());
  const { scripts } = JSON.parse(readPackageFile('package.json'));
  const built: string[] = /f='([^']+)'/.exec(scripts.sources)?.[1]?.split(' ') ?? [];
  t.true(built.length > 3);
  const isMissing = (glob: string) => {
    const pattern = new RegExp(`^${glob.replace('*', '.*')}$`);
    return readdirSync('.').some((name) => pattern.test(name) && !copied.includes(name));
  };
  t.deepEqual(built.filter(isMissing), []);
});

test('in a container SQLite keeps all its files on the volume', (t) => {
  const dockerfile = readPackageFile('Dockerfile');
  const [, volume = ''] = /^VOLUME (\S+)$/m.exec(dockerfile) ?? [];
  t.true(dockerfile.includes(`DATABASE_URL=sqlite:${volume}/`));
  t.regex(dockerfile, new RegExp(`SQLITE_TMPDIR=${volume}$`, 'm'));
});
