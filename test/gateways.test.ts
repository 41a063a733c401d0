// That the script which docs/gateways.md gives nginx lets nobody in but by a clear yes. Here it runs in Node; what njs and
// nginx make of it is not tested.
import test from 'ava';
import { readPackageFile } from '../src/package-root.ts';

interface Answer {
  readonly status: number;
  readonly responseText: string;
}

type Check = (request: object) => Promise<void>;

async function loadCheck(): Promise<Check> {
  const [, script = ''] = /^```js\n([\s\S]*?)^```$/m.exec(readPackageFile('docs/gateways.md')) ?? [];
  const url = `data:text/javascript,${encodeURIComponent(script)}`;
  return (await import(url)).default.check;
}

/** The status that auth_request sees, whether /introspect was asked, and the user. */
async function check(authorization: string | undefined, answer: () => Promise<Answer>) {
  const seen = { status: 0, asked: '', user: undefined as string | undefined };
  const headersOut: Record<string, string> = {};
  await (await loadCheck())({
    headersIn: { Authorization: authorization },
    headersOut,
    subrequest: (_: string, { body }: { body: string }) => {
      seen.asked = body;
      return answer();
    },
    return: (status: number) => {
      seen.status = status;
    },
    error: () => {},
  });
  return { ...seen, user: headersOut['Token-Sub'] };
}

const yes = '{"active":true,"sub":"bob/1"}';
const answering =
  (status: number, responseText = yes) =>
  () =>
    Promise.resolve({ status, responseText });

test('the script for nginx lets a live token in, with its user', async (t) => {
  const { status, asked, user } = await check('Bearer a+b/c=', answering(200));
  t.deepEqual({ status, asked, user }, { status: 204, asked: 'token=a%2Bb%2Fc%3D', user: 'bob%2F1' });
});

test('the script for nginx refuses what is no bearer token, and asks nothing', async (t) => {
  for (const header of [undefined, '', 'Bearer', 'Basic YTpi', 'Bearer a, Bearer b', 'Bearer a&b=c']) {
    const { status, asked } = await check(header, answering(200));
    t.deepEqual({ status, asked }, { status: 401, asked: '' }, header);
  }
});

test('the script for nginx refuses what is not said to be active', async (t) => {
  for (const text of ['{"active":false}', '{}', '[]', '{"active":"true"}', '{"active":1}']) {
    t.is((await check('Bearer a', answering(200, text))).status, 401, text);
  }
});

test('the script for nginx refuses a token that is bound to a key', async (t) => {
  const bound = '{"active":true,"sub":"bob","cnf":{"jkt":"x"}}';
  t.is((await check('Bearer a', answering(200, bound))).status, 401);
});

test('the script for nginx fails, and with an answer, when there is no answer that it can read', async (t) => {
  const failures = [
    ...[201, 204, 302, 401, 429, 500, 503].map((status) => answering(status)),
    ...['', 'null', '<html>', '{"active":true'].map((text) => answering(200, text)),
    () => Promise.reject(new Error('no answer')),
  ];
  for (const answer of failures) t.is((await check('Bearer a', answer)).status, 500);
});
