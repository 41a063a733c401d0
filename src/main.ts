#!/usr/bin/env node
// The process of the server; what it does stands in cli/serve.ts. With arguments it is the command line, so that
// `npm start -- --help` helps.

if (process.argv.length > 2) await import('./cli/main.ts');
else await (await import('./cli/serve.ts')).serve(process);
