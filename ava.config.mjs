// How AVA finds and runs the tests: compiled by `tsc` beforehand, one worker thread per file, and one
// Postgres for the whole run, given to the tests as TEST_DATABASE_URL. A TEST_DATABASE_URL from outside wins
// over starting one.
import { startPostgres } from './test/helpers/start-postgres.mjs';

const settings = {
  files: ['test/**/*.test.ts'],
  timeout: '180s',
  workerThreads: true,
  nodeArguments: ['--enable-source-maps'],
  typescript: {
    compile: false,
    rewritePaths: {
      'src/': 'dist/src/',
      'test/': 'dist/test/',
      'migrations/': 'dist/migrations/',
      'seeds/': 'dist/seeds/',
    },
  },
};

/** AVA passes its context. A linter that only reads the settings passes none, and starts no database. */
export default function configure(ava) {
  return ava ? withDatabase() : settings;
}

async function withDatabase() {
  const url = process.env.TEST_DATABASE_URL || (await startPostgres()).url;
  return { ...settings, environmentVariables: { TEST_DATABASE_URL: url } };
}
