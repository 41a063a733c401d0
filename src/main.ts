#!/usr/bin/env node
// The process of the server; what it does stands in cli/serve.ts. With arguments it is the command line, so that
// `npm start -- --help` helps.

// The lowest that package.json allows. Looked at before anything is imported: an older Node stops at an import, and does
// not say why. The gap in the range of package.json is left to npm: in it, only better-sqlite3 fails.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `Node ${process.versions.node} is too old for this server: run it on 20.19 or newer.\n`,
  );
  process.exit(1);
}

if (process.argv.length > 2) await import('./cli/main.ts');
else await (await import('./cli/serve.ts')).serve(process);
