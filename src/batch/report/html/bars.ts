import { escaped } from '../../../reporting/html-page.ts';

/** A row of a chart: markup of its name, how long its bar is, and what that stands for. */
export interface Bar {
  name: string;
  amount: number;
  value: string;
}

/** Bars whose lengths are shares of the longest; `kind` is the class that colours them. */
export function barsOf(bars: readonly Bar[], kind: string, form: 'short' | 'long'): string {
  const most = bars.reduce((longest, { amount }) => Math.max(longest, amount), 0);
  const rows = bars.map(({ name, amount, value }) => {
    const width = most === 0 ? 0 : (100 * amount) / most;
    return `<div class="bar"><span>${name}</span><svg role="img" aria-label="${escaped(value)}"><rect class="${kind}" width="${width.toFixed(2)}%" height="100%" rx="3"/></svg><span class="value">${escaped(value)}</span></div>`;
  });
  return `<div class="bars ${form}">${rows.join('\n')}</div>`;
}

/** One bar that is divided: each part has a class that colours it, and an amount. */
export function partsOf(parts: readonly { kind: string; amount: number }[], label: string): string {
  const all = parts.reduce((sum, { amount }) => sum + amount, 0);
  let before = 0;
  const rects = parts.map(({ kind, amount }) => {
    const [x, width] = [(100 * before) / all, (100 * amount) / all];
    before += amount;
    return `<rect class="${kind}" x="${x.toFixed(2)}%" width="${width.toFixed(2)}%" height="100%"/>`;
  });
  return `<svg class="parts" role="img" aria-label="${escaped(label)}">${rects.join('')}</svg>`;
}
