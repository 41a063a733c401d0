// That the README leads to every document, and that no link in them leads nowhere.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { readPackageFile } from '../src/package-root.ts';

const documents = readdirSync('docs')
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name));
const pages = ['README.md', 'CHANGELOG.md', ...documents];

interface Link {
  readonly to: string;
  readonly path: string;
  readonly heading: string | undefined;
}

/** Links within the repository, with paths from its root. */
function linksIn(page: string): Link[] {
  const found = [...readPackageFile(page).matchAll(/\]\(\s*([^)\s]+)\)/g)].map(([, to = '']) => to);
  return found
    .filter((to) => !/^https?:/.test(to))
    .map((to) => {
      const [path, heading] = to.split('#', 2);
      return { to, path: path ? join(dirname(page), path) : page, heading };
    });
}

/** Anchors as GitHub makes them of headings. */
function anchorsIn(page: string): string[] {
  const prose = readPackageFile(page).replace(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('the README leads to every document', (t) => {
  const led = new Set(linksIn('README.md').map(({ path }) => path));
  t.deepEqual(
    documents.filter((page) => !led.has(page)),
    [],
  );
});

test('every link in the documents leads to a file, and to a heading in it', (t) => {
  const links = pages.flatMap((page) => linksIn(page).map((link) => ({ page, ...link })));
  t.true(links.length > 20);
  const isBroken = ({ path, heading }: Link) =>
    !existsSync(path) || (heading !== undefined && !anchorsIn(path).includes(heading));
  t.deepEqual(
    links.filter(isBroken).map(({ page, to }) => `${page} → ${to}`),
    [],
  );
});
