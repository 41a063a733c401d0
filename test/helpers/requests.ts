// Requests to a server under test, and its answers; app.ts and server-process.ts see whether these are as they should
// be.
import supertest from 'supertest';

export interface TestClient {
  readonly client_id: string;
  readonly secret: string;
}

/** A client, `[client_id, secret]`, or the whole Authorization header. */
export type Auth = TestClient | readonly [string, string] | string;

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read bodies member by member, and assert what they read.
  readonly body: any;
}

export interface RequestParts {
  readonly auth?: Auth | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly type?: string | undefined;
  readonly body?: string | Buffer | undefined;
}

export type Fields = Readonly<Record<string, string | number>>;

/** The values of NDJSON. */
// biome-ignore lint/suspicious/noExplicitAny: as `body` is.
export function linesOf(text: string): any[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Whatever the status, and without following redirects. */
export async function send(
  url: string,
  method: string,
  path: string,
  { auth, headers = {}, type, body }: RequestParts,
): Promise<Reply> {
  const verb = method.toLowerCase() as 'post';
  const sending = supertest(url)
    [verb](path)
    .ok(() => true)
    .redirects(0)
    .buffer(true)
    .parse(readText as never)
    .serialize((text) => text);
  if (auth !== undefined) sending.set('Authorization', authorization(auth));
  if (type !== undefined) sending.set('Content-Type', type);
  for (const [name, value] of Object.entries(headers)) sending.set(name, value);
  const answer = await sending.send(body === undefined ? undefined : Buffer.from(body as string));
  const text = typeof answer.body === 'string' ? answer.body : '';
  const isJson = /[/+]json\b/.test(answer.headers['content-type'] ?? '') && text !== '';
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    body: isJson ? JSON.parse(text) : undefined,
  };
}

/** What a caller can tell answers apart by: all but the time and the id of the request. Headers in their order. */
export function likenessOf({ status, headers, text }: Reply): unknown {
  const { date: _, 'x-request-id': _id, ...others } = headers;
  return { status, text, headers: Object.entries(others) };
}

export function authorization(auth: Auth): string {
  if (typeof auth === 'string') return auth;
  const [id, secret] = 'client_id' in auth ? [auth.client_id, auth.secret] : auth;
  return `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString('base64')}`;
}

export function encodeForm(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${formEncode(name)}=${formEncode(String(value))}`)
    .join('&');
}

/** `application/x-www-form-urlencoded`, RFC 6749 appendix B. */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

function readText(response: NodeJS.ReadableStream, done: (error: Error | null, text: string) => void): void {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('end', () => done(null, Buffer.concat(chunks).toString()));
  response.on('error', (error) => done(error as Error, ''));
}
