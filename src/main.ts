#!/usr/bin/env node
// The process of the server; what it does stands in cli/serve.ts.
import { serve } from './cli/serve.ts';

await serve(process);
