import { escaped } from '../reporting/html-page.ts';
import { type Figures, entrantName, figuresOf } from './figures.ts';
import { type BenchCase, type Entrant, OURS } from './report.ts';

/** The widest bar leaves room for the end of its line. */
const FULL_PERCENT = 99.5;

/** The highest rate of some cases: what the widest of their bars stands for. */
export function widestRate(cases: readonly BenchCase[]): number {
  const rates = cases.flatMap((found) =>
    found.entrants.map((entrant) => figuresOf(found, entrant)?.bytesPerSecond.max ?? 0),
  );
  return Math.max(...rates);
}

/** A bar for each entrant: its length is the median rate, the line over it reaches from the slowest to the fastest round. */
export function barsOf(found: BenchCase, widest: number): string {
  return found.entrants.map((entrant) => barOf(entrant, figuresOf(found, entrant), widest)).join('\n');
}

function barOf(entrant: Entrant, figures: Figures | null, widest: number): string {
  const name = `<span>${escaped(entrantName(entrant))}</span>`;
  if (figures === null)
    return `<div class="bar">${name}<span class="failed">${escaped(entrant.failure ?? '')}</span></div>`;
  const value = `${(figures.bytesPerSecond.median / 1e6).toFixed(0)} MB/s`;
  return `<div class="bar">${name}${svgOf(entrant, figures, widest, value)}<span class="value">${value}</span></div>`;
}

/** Lengths are percentages, so that the picture fits any width and its lines keep theirs. */
function svgOf({ tool }: Entrant, { bytesPerSecond }: Figures, widest: number, value: string): string {
  const percent = (rate: number): string => `${((FULL_PERCENT * rate) / widest).toFixed(2)}%`;
  const { min, median, max } = bytesPerSecond;
  const kind = tool === OURS ? 'is-ours' : 'is-peer';
  const line = (from: number, to: number, top: string, bottom: string): string =>
    `<line class="range" x1="${percent(from)}" x2="${percent(to)}" y1="${top}" y2="${bottom}"/>`;
  return (
    `<svg role="img" aria-label="${escaped(value)}"><rect class="${kind}" width="${percent(median)}" height="100%" rx="3"/>` +
    `${line(min, max, '50%', '50%')}${line(min, min, '25%', '75%')}${line(max, max, '25%', '75%')}</svg>`
  );
}
