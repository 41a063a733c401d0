// The report as a picture: how far each row is from its goal, in an SVG without scripts that can be read on
// light and on dark pages.
import { amount, goalOf, occasionsOf, type Report, type Row, verdictOf } from './report.ts';

const width = 900;
const rowHeight = 34;
const top = 64;
const chartLeft = 470;
const goalAt = 650;
/** Bars end here; a longer one is cut off, and its figure says how far it goes. */
const shareMax = 1.6;
const barHeight = 14;

const style = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 10.5px; fill: #59636e; }
  .title { font-size: 15px; font-weight: 600; }
  .reached { fill: #1a7f37; } .missed { fill: #bc4c00; } .shown { fill: #8c959f; }
  .goal { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 3 3; }
  .track { fill: #8c959f; opacity: 0.15; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; } .goal { stroke: #e6edf3; }
    .reached { fill: #3fb950; } .missed { fill: #f0883e; }
  }`;

export function pictureOf(report: Report): string {
  const judged = report.rows.filter(({ goal }) => goal !== undefined);
  const height = top + judged.length * rowHeight + 30;
  const bottom = height - 26;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Measured against the goals">`,
    `<style>${style}\n</style>`,
    text(12, 24, 'title', 'Measured against the goal'),
    text(12, 44, 'small', occasionsOf(report.runs)),
    text(goalAt + 6, 44, 'small', 'goal: bars that reach it are good'),
    ...judged.map((row, n) => bar(row, top + n * rowHeight)),
    `<line class="goal" x1="${goalAt}" x2="${goalAt}" y1="${top - 14}" y2="${bottom}"/>`,
    text(12, height - 8, 'small', 'made by npm run bench, whose commands stand beside the table'),
    '</svg>\n',
  ].join('\n');
}

function bar(row: Row, y: number): string {
  const full = (goalAt - chartLeft) * shareMax;
  const length = Math.max(2, (goalAt - chartLeft) * Math.min(shareMax, shareOf(row)));
  return [
    text(12, y + 10, '', cut(row.work, 74)),
    text(12, y + 23, 'small', cut(`against ${row.reference}; ${goalOf(row)}`, 84)),
    `<rect class="track" x="${chartLeft}" y="${y + 2}" width="${full}" height="${barHeight}" rx="2"/>`,
    `<rect class="${verdictOf(row)}" x="${chartLeft}" y="${y + 2}" width="${length.toFixed(1)}" height="${barHeight}" rx="2"/>`,
    text(chartLeft + full + 8, y + 13, '', `${row.what} ${amount(row.measured, row)}`),
  ].join('\n');
}

/** 1 at the goal, more if it is surpassed, whichever direction is the good one. */
function shareOf({ what, goal = 1, measured }: Row): number {
  if (what === 'rate') return measured / goal;
  return measured <= 0 ? Number.POSITIVE_INFINITY : goal / measured;
}

function text(x: number, y: number, kind: string, content: string): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text${kind && ` class="${kind}"`} x="${x}" y="${y}">${safe}</text>`;
}

function cut(content: string, length: number): string {
  return content.length > length ? `${content.slice(0, length - 1)}…` : content;
}
