// Reads single environment variables and collects what is wrong with them, each problem with its remedy. It
// knows kinds of values, not the names of settings.
import { readFileSync } from 'node:fs';
import { isShort, makeRandom, weaknessOf } from './weak-secret.ts';

export type Env = Readonly<Record<string, string | undefined>>;

export interface ConfigProblem {
  readonly name: string;
  readonly problem: string;
  readonly remedy: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ name, problem, remedy }) => `  ${name}: ${problem}. ${remedy}`);
    super(`The configuration has ${problems.length} problem(s):\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

const flags: Readonly<Record<string, boolean>> = {
  yes: true,
  true: true,
  '1': true,
  no: false,
  false: false,
  '0': false,
};

export class EnvReader {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: string[] = [];
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  report(name: string, problem: string, remedy: string): void {
    this.problems.push({ name, problem, remedy });
  }

  has(name: string): boolean {
    return (this.#env[name] ?? '') !== '';
  }

  text(name: string): string | undefined {
    return this.has(name) ? this.#env[name] : undefined;
  }

  /** A name or path, which counts as it is written: a file with Windows line ends would name another by its CR. */
  name(name: string): string | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : this.demandTrimmed(name, text);
  }

  demandTrimmed(name: string, text: string): string {
    if (text !== text.trim())
      this.report(
        name,
        'has white space at its beginning or end',
        'Take it out; it may be a line end of Windows.',
      );
    return text.trim();
  }

  /** A secret, given directly or as the path of a file in the variable's `_FILE` twin. */
  secret(name: string): string | undefined {
    const path = this.text(`${name}_FILE`);
    if (path === undefined) return this.text(name);
    if (this.has(name)) {
      this.report(name, `is given, and so is ${name}_FILE`, 'Keep one of them.');
      return undefined;
    }
    try {
      const text = readFileSync(path, 'utf8').trim();
      if (text !== '') return text;
      this.report(`${name}_FILE`, 'names an empty file', 'Put the secret into it.');
      return undefined;
    } catch {
      this.report(`${name}_FILE`, 'names a file that cannot be read', 'Check its path and permissions.');
      return undefined;
    }
  }

  /** A secret that signs; null when none is given. Too short is refused everywhere. */
  longSecret(name: string, production: boolean): string | null {
    const text = this.secret(name);
    this.judgeSecret(name, text && weaknessOf(text), production || isShort(text ?? ''));
    return text ?? null;
  }

  /** Refuses a weak secret, or only warns of it, as in development. */
  judgeSecret(name: string, problem: string | undefined, isRefused: boolean): void {
    if (!problem) return;
    if (isRefused) this.report(name, problem, makeRandom);
    else this.warnings.push(`${name} ${problem}; production refuses it`);
  }

  integer(name: string, otherwise: number, min: number, max: number): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    this.report(name, 'is not a whole number in range', `Give one from ${min} to ${max}.`);
    return otherwise;
  }

  flag(name: string, otherwise: boolean): boolean {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const word = text.toLowerCase();
    const value = Object.hasOwn(flags, word) ? flags[word] : undefined;
    if (value === undefined) this.report(name, 'is neither yes nor no', 'Give `yes` or `no`.');
    return value ?? otherwise;
  }

  choice<T extends string>(name: string, choices: readonly T[], otherwise: T): T {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = choices.find((choice) => choice === text);
    if (value === undefined)
      this.report(name, 'is not one of its values', `Give one of: ${choices.join(', ')}.`);
    return value ?? otherwise;
  }

  list(name: string, isValid: (item: string) => boolean, remedy: string): string[] {
    const items = (this.text(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    if (!items.every(isValid)) this.report(name, 'has an entry of the wrong form', remedy);
    return items;
  }

  /** An absolute URL without query and fragment; https where `strict`. */
  url(name: string, strict: boolean, otherwise: string): string {
    const text = this.text(name);
    if (text === undefined) {
      if (strict)
        this.report(name, 'is missing', 'Set it to the https URL under which this server is reached.');
      return otherwise;
    }
    if (!URL.canParse(text) || /[?#\s]/.test(text) || !/^https?:$/.test(new URL(text).protocol)) {
      this.report(
        name,
        'must be an http(s) URL without query or fragment',
        'Set it to a URL such as https://id.example.com.',
      );
    } else if (namesUser(new URL(text))) {
      this.report(name, 'has a user name or password in it', 'Leave them out.');
    } else if (strict && !text.startsWith('https:')) {
      this.report(name, 'is not https', 'Set it to an https URL; terminate TLS in front of this server.');
    }
    return text;
  }

  /** Reports variables whose name is nearly that of a setting: most likely a typo. */
  reportMisspelt(known: readonly string[]): void {
    for (const name of Object.keys(this.#env)) {
      if (known.includes(name) || !/^[A-Z][A-Z_]{3,}$/.test(name)) continue;
      const meant = known.find((other) => isNearly(name, other));
      if (meant) this.report(name, 'is not a setting', `Did you mean ${meant}?`);
    }
  }
}

/**
 * Up to 5 letters only a swap counts as misspelt (PORT and HOST are real names); from 10 letters two added or missing
 * letters do, too.
 */
const [shortMax, longMin] = [5, 10];

/**
 * True for one letter added, left out or changed, or two neighbours swapped; in long names for two added or left out,
 * too.
 */
function isNearly(name: string, other: string): boolean {
  if (Math.abs(name.length - other.length) > 2) return false;
  let head = 0;
  while (head < name.length && name[head] === other[head]) head++;
  let tail = 0;
  const tailMax = Math.min(name.length, other.length) - head;
  while (tail < tailMax && name.at(-1 - tail) === other.at(-1 - tail)) tail++;
  const [left, right] = [name.slice(head, name.length - tail), other.slice(head, other.length - tail)];
  if (left.length === 2 && right.length === 2) return left[0] === right[1] && left[1] === right[0];
  if (other.length <= shortMax) return false;
  if (left.length <= 1 && right.length <= 1) return true;
  return other.length >= longMin && left.length + right.length === 2;
}

export function namesUser({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}
