// /openapi.json and /docs: the API described, for machines and for people.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
// Not the package itself, which would run the whole browser bundle in this process.
import getAbsoluteFSPath from 'swagger-ui-dist/absolute-path.js';
import { Refusal } from '../../wire/refusal.ts';
import type { Context } from '../context.ts';
import { respondText } from '../respond.ts';

const assets: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
};

const page = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Revocation server API</title><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="api"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>
`;
const start = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', deepLinking: true });\n`;
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export function handleDocs(openapiYaml: string, version: string) {
  /**
   * Made when it is first asked for, as it takes longer than all else that a start does. Bytes, as connections that do
   * not read share them, and would each hold a copy of a string.
   */
  let openapiJson: Buffer | undefined;
  /** Read once, for the same reason. */
  const files = new Map<string, Buffer>();

  return {
    async openapi(ctx: Context): Promise<void> {
      ctx.set('Cache-Control', 'no-cache');
      openapiJson ??= Buffer.from(toJson(openapiYaml, version));
      respondText(ctx, 200, openapiJson, 'application/json');
    },

    async page(ctx: Context): Promise<void> {
      send(ctx, 'text/html; charset=utf-8', page);
    },

    async file(ctx: Context): Promise<void> {
      const { file = '' } = ctx.params as { file?: string };
      if (file === 'start.js') return send(ctx, 'text/javascript', start);
      const type = Object.hasOwn(assets, file) ? assets[file] : undefined;
      if (type === undefined) throw new Refusal('not_found', 'there is nothing here');
      const content = files.get(file) ?? (await readFile(join(getAbsoluteFSPath(), file)));
      files.set(file, content);
      send(ctx, type, content);
    },
  };
}

function toJson(openapiYaml: string, version: string): string {
  const description = load(openapiYaml) as { info: { version: string }; servers: { url: string }[] };
  description.info.version = version;
  // The page may call only its own origin, wherever it was fetched from.
  description.servers = [{ url: '/' }];
  return JSON.stringify(description);
}

function send(ctx: Context, type: string, body: string | Buffer): void {
  ctx.set('Cache-Control', 'no-cache');
  ctx.set('Content-Security-Policy', policy);
  ctx.set('Content-Type', type);
  ctx.body = body;
}
