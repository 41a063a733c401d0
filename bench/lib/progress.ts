// What is under way, on the standard error: a bar that is redrawn on a terminal, and now and then a line elsewhere.

const width = 30;

/** Call it as often as there is news; `done` of `count`. */
export function progress(what: string, done: number, count: number): void {
  const share = done / count;
  const text = `${what}: ${done.toLocaleString('en')} of ${count.toLocaleString('en')}`;
  if (process.stderr.isTTY) {
    if (done !== count && done % Math.ceil(count / 100) !== 0) return;
    const bar = '█'.repeat(Math.round(share * width)).padEnd(width, '·');
    process.stderr.write(`\r  ${bar} ${text} ${done === count ? '\n' : ''}`);
  } else if (done === count || Math.floor(share * 10) > Math.floor(((done - 1) / count) * 10)) {
    process.stderr.write(`  ${text}\n`);
  }
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
