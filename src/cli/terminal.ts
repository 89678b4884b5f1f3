import { columnsOf, printable } from '../reporting/printable.ts';

/** One column of a table: what stands on top, and on which side its cells are aligned. */
export interface Column {
  title: string;
  align?: 'left' | 'right';
}

/** Rows in columns as wide as their widest cell; cells are made printable. No trailing spaces. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map((column) => column.title), ...rows].map((row) => row.map(printable));
  const widths = columns.map((_, i) => cells.reduce((widest, row) => Math.max(widest, columnsOf(row[i] ?? '')), 0));
  const lines = cells.map((row) =>
    row
      .map((cell, i) => padded(cell, widths[i]!, columns[i]!.align ?? 'left'))
      .join('   ')
      .trimEnd(),
  );
  return lines.join('\n');
}

function padded(cell: string, width: number, align: 'left' | 'right'): string {
  const padding = ' '.repeat(width - columnsOf(cell));
  return align === 'left' ? cell + padding : padding + cell;
}

const AGES: readonly (readonly [seconds: number, name: string])[] = [
  [365 * 86_400, 'year'],
  [30 * 86_400, 'month'],
  [7 * 86_400, 'week'],
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
];

/** How long ago a time was, in the largest unit that fits twice, as people of this field are used to: `3 weeks ago`. */
export function ago(then: Date | null, now: Date): string {
  if (then === null || Number.isNaN(then.getTime()) || then.getTime() <= 0) return 'N/A';
  const seconds = (now.getTime() - then.getTime()) / 1000;
  if (seconds < 0) return 'in the future';
  for (const [length, name] of AGES) {
    const count = Math.floor(seconds / length);
    if (count >= 2) return `${count} ${name}s ago`;
  }
  return seconds < 60 ? 'seconds ago' : 'a minute ago';
}

/** The twelve characters of an id that people see. */
export function shortId(id: string): string {
  return id.replace(/^sha(256|512):/, '').slice(0, 12);
}
