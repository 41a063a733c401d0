// What several commands do with their options and with what they print.

/** An option may be given several times, and may list several values with commas. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, ...value.split(',')];
}

export function toText(wire: Record<string, unknown>): string {
  const lines = Object.entries(wire).map(
    ([name, value]) => `${name.padEnd(28)} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  if ('client_secret' in wire)
    lines.push('', 'The secret is shown this once; keep it where secrets are kept.');
  return lines.join('\n');
}
