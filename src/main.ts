#!/usr/bin/env node
// The process of the server; what it does stands in cli/serve.ts. With arguments it is the command line, so that
// `npm start -- --help` helps.
import { serve } from './cli/serve.ts';

if (process.argv.length > 2) await import('./cli/main.ts');
else await serve(process);
